"""A load run: many clients that create and delete through HTTP, until a region is full (`make load`).

client.py    one customer over HTTP; every call is timed
traffic.py   what the customers do: come and go, fill a region, leave it
figures.py   what that looked like: rates, latencies, what the machine was doing
"""
