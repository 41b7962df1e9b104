"""What a cluster would do with the manifests of this folder, as far as that can be had without one.

    kube.py check MANIFEST...                         against the schemas of Kubernetes 1.36, unknown fields refused,
                                                      and against the restricted Pod Security Standard
    kube.py schema MANIFEST...                        the first of the two alone
    kube.py policy POLICY CASES                       evaluates the policy's CEL on each pod of CASES
    kube.py mutate POLICY CASES NAME                  prints the pod of that case as the policy leaves it
    kube.py get MANIFEST PATH                         prints one value of the pod: spec.terminationGracePeriodSeconds
    kube.py docker MANIFEST CONTAINER IMAGE VOLUMES   prints the words of the `docker run` that the kubelet's work comes to,
                                                      quoted for a shell; the pod's volumes are directories of VOLUMES

CEL is Google's C++ implementation, with its type checker. The API server uses Google's Go implementation of the same
specification. Each constructor `Object.…{}` is declared with the fields that the schema of Pod has there, and JSONPatch
with its four, so that a misspelt field or a constructor in the wrong place is a type error. Not covered: the API server's own limits on cost, and its own libraries, of which the policy uses none.
"""

import copy
import json
import os
import re
import shlex
import sys

import yaml

KUBERNETES = "1.36"


def fail(text):
    sys.exit(f"kube.py: {text}")


def documents(file):
    with open(file, encoding="utf-8") as stream:
        return [document for document in yaml.safe_load_all(stream) if document is not None]


def pod_of(document):
    """The pod of a manifest: a Pod, or the template of what makes pods."""
    return document if document["kind"] == "Pod" else document["spec"]["template"]


# --- Schemas and the restricted standard -------------------------------------------------------------------


def validate(document):
    import kubernetes_validate

    try:
        kubernetes_validate.validate(document, KUBERNETES, strict=True)
    except kubernetes_validate.ValidationError as error:
        fail(f"{document['kind']} {document['metadata']['name']}: {list(error.path)}: {error.message}")


def restricted(pod, where):
    """The rules of the restricted Pod Security Standard that a pod can break by what it leaves out."""
    spec = pod["spec"]
    of_pod = spec.get("securityContext", {})
    for container in spec.get("initContainers", []) + spec["containers"]:
        of_it = container.get("securityContext", {})
        both = {**of_pod, **of_it}
        broken = [
            rule
            for rule, kept in {
                "runAsNonRoot: true": both.get("runAsNonRoot") is True,
                "runAsUser other than 0": both.get("runAsUser", 1) != 0,
                "seccompProfile RuntimeDefault": both.get("seccompProfile", {}).get("type") == "RuntimeDefault",
                "allowPrivilegeEscalation: false": of_it.get("allowPrivilegeEscalation") is False,
                "capabilities drop ALL": of_it.get("capabilities") == {"drop": ["ALL"]},
            }.items()
            if not kept
        ]
        if broken:
            fail(f"{where}: container {container['name']} is not restricted: {'; '.join(broken)}")


def check(*files):
    for file in files:
        for document in documents(file):
            validate(document)
            if document["kind"] in ("Pod", "Deployment"):
                restricted(pod_of(document), file)


# --- The policy --------------------------------------------------------------------------------------------


def schema(*files):
    for file in files:
        for document in documents(file):
            validate(document)


def schema_of(path):
    """What the schema of Pod says of the fields at `Object.spec.containers`: {name: (is a list, has fields itself)}."""
    import kubernetes_validate

    folder = os.path.join(os.path.dirname(kubernetes_validate.__file__), "kubernetes-json-schema")
    folder = os.path.join(folder, f"v{KUBERNETES}.0-local-strict")

    def load(name):
        with open(os.path.join(folder, name), encoding="utf-8") as stream:
            return json.load(stream)

    definitions, schema = load("_definitions.json")["$defs"], load("pod-v1.json")
    for name in path.split(".")[1:]:
        if name not in schema["properties"]:
            fail(f"{path}: a Pod has no such field {name!r}")
        schema = schema["properties"][name]
        schema = schema.get("items", schema)
        if "$ref" in schema:
            schema = definitions[schema["$ref"].rsplit("/", 1)[1]]

    def described(of_it):
        inner = of_it.get("items", of_it)
        inner = definitions[inner["$ref"].rsplit("/", 1)[1]] if "$ref" in inner else inner
        return "items" in of_it, "properties" in inner

    return {name: described(of_it) for name, of_it in schema["properties"].items()}


CONSTRUCTOR = re.compile(r"\b(Object(?:\.\w+)*)\{")


def flat(expression):
    """`variables.x` as `variables_x`, which can be declared with its type; and `Object.spec.volumes{}` as
    `Object_spec_volumes{}`: a protobuf message and a package cannot have one name."""
    expression = re.sub(r"\bvariables\.(\w+)", r"variables_\1", expression)
    return CONSTRUCTOR.sub(lambda found: found[1].replace(".", "_") + "{", expression)


def message_types(expressions):
    """Message types for JSONPatch and for each constructor that the expressions use. A field that has fields itself takes
    its own constructor and nothing else, as in the API server; any other takes any value."""
    from google.protobuf import descriptor_pb2, descriptor_pool, struct_pb2

    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(struct_pb2.DESCRIPTOR.serialized_pb)
    field = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(name="policy.proto", syntax="proto3")
    file.dependency.append("google/protobuf/struct.proto")

    def add(name, fields):
        message = file.message_type.add(name=name)
        for number, (of_it, (type_name, many)) in enumerate(fields.items(), 1):
            label = field.LABEL_REPEATED if many else field.LABEL_OPTIONAL
            one = message.field.add(name=of_it, number=number, label=label, type=field.TYPE_STRING)
            if type_name:
                one.type, one.type_name = field.TYPE_MESSAGE, type_name

    anything = (".google.protobuf.Value", False)
    text = (None, False)
    add("JSONPatch", {"op": text, "path": text, "from": text, "value": anything})
    paths = {found for expression in expressions for found in CONSTRUCTOR.findall(expression)}
    for path in sorted(paths):
        of_it = {}
        for name, (many, has_fields) in schema_of(path).items():
            inner = f"{path}.{name}"
            if has_fields and inner not in paths:
                add(inner.replace(".", "_"), {})
            of_it[name] = ("." + inner.replace(".", "_"), many) if has_fields else anything
        add(path.replace(".", "_"), of_it)
    pool.Add(file)
    return pool


class Policy:
    """A MutatingAdmissionPolicy with JSON patches, compiled and type-checked."""

    def __init__(self, document):
        from cel_expr_python import cel

        spec = document["spec"]
        self.selector = spec["matchConstraints"]["objectSelector"]["matchExpressions"]
        mutations = [one["jsonPatch"]["expression"] for one in spec["mutations"]]
        pool, declared = message_types(mutations), {"object": cel.Type.DYN}

        def program(text, expected):
            compiled = cel.NewEnv(pool, variables=declared).compile(flat(text))
            if compiled.return_type().name() not in expected:
                fail(f"its type is {compiled.return_type().name()}, not {' or '.join(expected)}: {text}")
            return compiled

        self.conditions = [program(one["expression"], ["BOOL"]) for one in spec.get("matchConditions", [])]
        self.variables = {}
        for one in spec.get("variables", []):
            name = f"variables_{one['name']}"
            self.variables[name] = program(one["expression"], ["BOOL", "STRING", "LIST<INT>"])
            declared[name] = self.variables[name].return_type()
        self.mutations = [program(text, ["LIST<JSONPatch>"]) for text in mutations]

    def selects(self, pod):
        labels = pod["metadata"].get("labels", {})
        operators = {"In": lambda one: labels.get(one["key"]) in one["values"], "Exists": lambda one: one["key"] in labels}
        return all(operators[one["operator"]](one) for one in self.selector)

    def patch(self, pod):
        """The operations of each mutation in turn; none where the policy does not match."""
        if not self.selects(pod) or not all(self.value(one, {"object": pod}) for one in self.conditions):
            return []
        data = {"object": pod}
        for name, compiled in self.variables.items():
            data[name] = self.value(compiled, data)
        return [operation for one in self.mutations for operation in map(self.operation, self.value(one, data))]

    @staticmethod
    def value(compiled, data):
        result = compiled.eval(data=data)
        if result.type().name() == "ERROR":
            fail(f"the policy fails: {result.value()}")
        return result.plain_value()

    @staticmethod
    def operation(message):
        from google.protobuf import json_format

        return whole(json_format.MessageToDict(message))

    def apply(self, pod):
        import jsonpatch

        return jsonpatch.apply_patch(pod, self.patch(pod))


def whole(value):
    """JSON knows no integers of its own: 1.0 becomes 1."""
    if isinstance(value, dict):
        return {key: whole(of_it) for key, of_it in value.items()}
    if isinstance(value, list):
        return [whole(of_it) for of_it in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def load_policy(file):
    return Policy(next(one for one in documents(file) if one["kind"] == "MutatingAdmissionPolicy"))


def policy(file, cases):
    compiled = load_policy(file)
    for case in documents(cases)[0]:
        name, pod = case["case"], case["pod"]
        validate(pod)
        mutated = compiled.apply(copy.deepcopy(pod))
        expected = copy.deepcopy(pod)
        if case["expected"] != "unchanged":
            # What is not named in the case must have stayed.
            expected["spec"].update({key: of_it for key, of_it in case["expected"].items() if key != "containers"})
            for container, of_it in zip(expected["spec"]["containers"], case["expected"]["containers"], strict=True):
                container.update(of_it)
        if mutated != expected:
            fail(f"case {name!r}\nexpected:\n{yaml.dump(expected)}\nfound:\n{yaml.dump(mutated)}")
        validate(mutated)
        again = compiled.patch(mutated)
        if again:
            fail(f"case {name!r}: a second time it changes the pod again: {again}")
        print(f"policy: {name}")


def mutate(file, cases, name):
    pod = next(case["pod"] for case in documents(cases)[0] if case["case"] == name)
    print(yaml.dump(load_policy(file).apply(pod)))


# --- The kubelet's part ------------------------------------------------------------------------------------


def get(manifest, path):
    value = pod_of(documents(manifest)[0])
    for name in path.split("."):
        value = value[int(name)] if isinstance(value, list) else value[name]
    print(value)


def docker(manifest, name, image, volumes):
    spec = pod_of(documents(manifest)[-1])["spec"]
    container = next(one for one in spec.get("initContainers", []) + spec["containers"] if one["name"] == name)
    security = {**spec.get("securityContext", {}), **container.get("securityContext", {})}
    words = []
    if "runAsUser" in security:
        words += ["--user", f"{security['runAsUser']}:{security.get('runAsGroup', 0)}"]
    if security.get("readOnlyRootFilesystem"):
        words += ["--read-only"]
    if security.get("allowPrivilegeEscalation") is False:
        words += ["--security-opt", "no-new-privileges"]
    for capability in security.get("capabilities", {}).get("drop", []):
        words += ["--cap-drop", capability]
    for capability in security.get("capabilities", {}).get("add", []):
        words += ["--cap-add", capability]
    if spec.get("hostPID"):
        words += ["--pid", "host"]
    if "memory" in container.get("resources", {}).get("limits", {}):
        words += ["--memory", container["resources"]["limits"]["memory"].removesuffix("i").lower()]
    kinds = {volume["name"]: volume for volume in spec.get("volumes", [])}
    for mount in container.get("volumeMounts", []):
        read_only = ":ro" if mount.get("readOnly") or "image" in kinds[mount["name"]] else ""
        words += ["--volume", f"{volumes}/{mount['name']}:{mount['mountPath']}{read_only}"]
    # Of the kubelet's own making, for every container and every user.
    words += ["--volume", f"{volumes}/termination-log-{name}:{container.get('terminationMessagePath', '/dev/termination-log')}"]
    for variable in container.get("env", []):
        words += ["--env", f"{variable['name']}={variable['value']}"]
    command = container.get("command", [])
    if command:
        words += ["--entrypoint", command[0]]
    print(shlex.join([*words, image, *command[1:], *container.get("args", [])]))


if __name__ == "__main__":
    commands = {one.__name__: one for one in (check, schema, policy, mutate, get, docker)}
    if len(sys.argv) < 3 or sys.argv[1] not in commands:
        fail(__doc__)
    commands[sys.argv[1]](*sys.argv[2:])
