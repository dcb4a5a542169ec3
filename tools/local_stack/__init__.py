"""The whole application on this machine: the real template, deployed to an emulator of AWS on loopback.

launch ─► state       the folder that everything below lives in
       ─► emulator    a process of its own, stopped when the launcher ends, however it ends
       ─► issuer      the development issuer: a key, its JWKS, tokens
       ─► build       `sam build` for the interpreter that the emulator runs functions with
       ─► deploy      `sam deploy`, unmodified, through AWS_ENDPOINT_URL
       ─► routes      what the template promises against what the emulator made of it
       ─► sample_data fleet document, sync, reservations of the sample tenant
       ─► proxy       the address that the user sees
       ─► turns       calls of a function wait for one of its few processes, here and in the emulator
       ─► layers      the layer is unpacked once for all processes of functions
       ─► first_calls what the user is told to try
"""
