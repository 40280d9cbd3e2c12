"""Runs one command on the serial console of a virtual machine, as the person does who sits there.

usage: console.py SOCKET SECONDS COMMAND
Prints what the command printed; ends with its exit code, or with 124 when the time is over.
"""

import re
import socket
import sys
import time

path, seconds, command = sys.argv[1], float(sys.argv[2]), sys.argv[3]
deadline = time.monotonic() + seconds
serial = socket.socket(socket.AF_UNIX)
serial.connect(path)
serial.settimeout(0.2)
mark = f"<{time.monotonic_ns():x}>"
# Put together by the shell, so that the echo of this line is not taken for the answer.
line = f"printf '\\n%s%s\\n' '{mark[:5]}' '{mark[5:]}begin'; {command}\n"
line = line[:-1] + f"; printf '\\n%s%s%s\\n' '{mark[:5]}' '{mark[5:]}end' $?\n"
heard, asked = "", 0.0
while time.monotonic() < deadline:
    # A line that was typed before the shell was there is lost.
    if mark + "begin" not in heard and time.monotonic() - asked > 5:
        serial.sendall(b"\x03\n" + line.encode())
        asked = time.monotonic()
    try:
        chunk = serial.recv(65536)
    except TimeoutError:
        continue
    if not chunk:
        break
    heard += chunk.decode(errors="replace").replace("\r", "")
    found = re.search(re.escape(mark) + r"end(\d+)", heard)
    if found:
        answer = heard[: found.start()].rpartition(mark + "begin")[2]
        print(re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", answer).strip("\n"))
        sys.exit(int(found.group(1)))
sys.stderr.write(heard[-2000:])
sys.exit(124)
