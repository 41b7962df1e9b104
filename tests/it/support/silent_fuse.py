"""Mounts a file at the path given that can be opened, and whose server never answers what it is."""
import ctypes, os, struct, sys

GETATTR, OPEN, INIT = 3, 14, 26
device = os.open("/dev/fuse", os.O_RDWR)
options = f"fd={device},rootmode=100644,user_id=0,group_id=0".encode()
if ctypes.CDLL(None, use_errno=True).mount(b"silent", os.fsencode(sys.argv[1]), b"fuse", 0, options):
    sys.exit(os.strerror(ctypes.get_errno()))
print("mounted", flush=True)
while True:
    request = os.read(device, 1 << 20)
    opcode, unique = struct.unpack_from("=4xIQ", request)
    if opcode == GETATTR:
        print("asked", flush=True)
        continue
    answers = {INIT: struct.pack("=4I2H2I36x", 7, 31, 0, 0, 0, 0, 4096, 1), OPEN: bytes(16)}
    answer = answers.get(opcode, b"")
    error = 0 if opcode in answers else -38
    os.write(device, struct.pack("=IiQ", 16 + len(answer), error, unique) + answer)
