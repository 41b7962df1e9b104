"""Calls containerd's CRI as kubelet does: `cri.py SOCKET CALL JSON`, the answer as JSON on stdout.

CALL is `pod`, `create`, `start`, `exec`, `stop`, `status` or `remove-pod`. The messages of the CRI (its
`runtime/v1/api.proto`) are put together by hand here, so that nothing but grpc is needed.
"""

import json
import sys

import grpc


def varint(number):
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes(out + bytes([number]))


def message(fields):
    """A message from `{number: value}`: numbers, strings, nested fields, and lists of these for what repeats."""
    out = b""
    for number, value in fields.items():
        for one in value if isinstance(value, list) else [value]:
            if isinstance(one, int):
                out += varint(number << 3) + varint(one)
                continue
            content = message(one) if isinstance(one, dict) else one.encode()
            out += varint(number << 3 | 2) + varint(len(content)) + content
    return out


def parsed(data):
    """The fields of a message, the last of each number; what is nested stays bytes."""
    fields, at = {}, 0

    def number():
        nonlocal at
        value = shift = 0
        while True:
            byte = data[at]
            at += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    while at < len(data):
        key = number()
        if key & 7 == 0:
            fields[key >> 3] = number()
        elif key & 7 == 2:
            length = number()
            fields[key >> 3] = data[at : at + length]
            at += length
        else:
            raise ValueError(f"wire type {key & 7}")
    return fields


def entries(mapping):
    return [{1: key, 2: value} for key, value in mapping.items()]


def sandbox(ask):
    # The node's network, so that no CNI is needed; a PID namespace for each container unless it is to be shared.
    return {
        1: {1: ask["name"], 2: ask["name"] + "-uid", 3: "default"},
        7: entries(ask.get("annotations", {})),
        8: {1: ask["cgroup"], 2: {1: namespaces(ask)}},
    }


def namespaces(ask):
    return {1: 2, 2: 0 if ask.get("share_pid") else 1}


def container(ask):
    return {
        1: {1: ask.get("container", "main")},
        2: {1: ask["image"]},
        3: ask["command"],
        6: entries(ask.get("env", {})),
        15: {2: {3: namespaces(ask)}},
    }


def main():
    socket, call, ask = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
    channel = grpc.insecure_channel("unix://" + socket)

    def rpc(method, fields):
        answer = channel.unary_unary("/runtime.v1.RuntimeService/" + method)
        return parsed(answer(message(fields), timeout=60))

    if call == "pod":
        answer = {"id": rpc("RunPodSandbox", {1: sandbox(ask), 2: ask["handler"]})[1].decode()}
    elif call == "create":
        fields = {1: ask["pod"], 2: container(ask), 3: sandbox(ask)}
        answer = {"id": rpc("CreateContainer", fields)[1].decode()}
    elif call == "start":
        answer = rpc("StartContainer", {1: ask["id"]})
    elif call == "exec":
        said = rpc("ExecSync", {1: ask["id"], 2: ask["command"], 3: 30})
        answer = {"out": said.get(1, b"").decode(), "code": said.get(3, 0)}
    elif call == "stop":
        answer = rpc("StopContainer", {1: ask["id"], 2: ask["grace"]})
    elif call == "status":
        status = parsed(rpc("ContainerStatus", {1: ask["id"]})[1])
        answer = {"state": status.get(3, 0), "code": status.get(7, 0)}
    elif call == "remove-pod":
        rpc("StopPodSandbox", {1: ask["pod"]})
        answer = rpc("RemovePodSandbox", {1: ask["pod"]})
    else:
        sys.exit(f"unknown call {call}")
    print(json.dumps(answer))


try:
    main()
except grpc.RpcError as error:
    sys.exit(error.details())
