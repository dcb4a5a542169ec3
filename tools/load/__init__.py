"""A load run: many clients create and delete over HTTP, then fill a region (`make load`).

client.py    one customer over HTTP; every call is timed
traffic.py   what the customers do: create and delete, fill a region, delete everything
figures.py   rates, latencies and the load of the machine
"""
