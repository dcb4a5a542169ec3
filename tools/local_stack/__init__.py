"""The whole application on this machine: the real template, deployed to an emulator of AWS on loopback.

launch ─► state       the folder that everything below is in
       ─► emulator    a process of its own, which stops when the launcher ends for any reason
       ─► issuer      the development issuer: a key, its JWKS, tokens
       ─► build       `sam build` for the interpreter that the emulator runs functions with
       ─► deploy      `sam deploy`, unmodified, through AWS_ENDPOINT_URL
       ─► routes      compares the template's routes with those in the emulator, and adds missing ones
       ─► sample_data fleet document, sync, reservations of the sample tenant
       ─► proxy       the address that the user sees
       ─► turns       calls of a function wait for one of its few processes, in proxy and emulator
       ─► layers      the layer is unpacked once for all processes of functions
       ─► first_calls the example calls that the launcher prints
"""
