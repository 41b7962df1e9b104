//! Which container a process belongs to, by its cgroups (`cgroups(7)`, `/proc/<pid>/cgroup`).
//!
//! Engines name a container's cgroup after it. With the driver cgroupfs that is `/docker/<id>`,
//! `/libpod_parent/libpod-<id>`, `/kubepods/burstable/pod<uid>/<id>` or `/default/<name>` (ctr);
//! with the driver systemd `docker-<id>.scope`, `libpod-<id>.scope`, `cri-containerd-<id>.scope`
//! or `crio-<id>.scope`, below `kubepods-burstable-pod<uid>.slice` for a pod, whose uid then has
//! `_` in the place of `-`. Seen from another cgroup namespace a path begins with `/..` and lacks
//! what both have in common, so no component of it is needed but the one with the id.

use crate::printable::printable;

/// What the cgroups of a process say of its container.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Place {
    /// Which engine made it: docker, containerd, cri-o or podman, where the cgroup's name says so.
    pub(crate) engine: Option<&'static str>,
    /// The container's id, 64 hexadecimal digits.
    pub(crate) id: Option<String>,
    /// The uid of its pod.
    pub(crate) pod: Option<String>,
    /// The cgroup that says most; empty where the process is in no other than the root.
    pub(crate) path: String,
}

/// What stands before the id in the name of a cgroup, and which engine writes it.
const ENGINES: [(&str, Option<&str>); 9] = [
    ("", None),
    ("docker", Some("docker")),
    ("cri-containerd", Some("containerd")),
    ("containerd", Some("containerd")),
    ("nerdctl", Some("containerd")),
    ("crio", Some("cri-o")),
    ("libpod", Some("podman")),
    ("libpod-payload", Some("podman")),
    ("buildkit", None),
];

/// How much of a path is kept.
const LONGEST_PATH: usize = 400;

impl Place {
    /// Reads `/proc/<pid>/cgroup`: lines of `hierarchy:controllers:path`. Of cgroup v2 there is
    /// one, of v1 one for each hierarchy, and an engine uses all of these or none.
    pub(super) fn parse(bytes: &[u8]) -> Self {
        let mut found = Self::default();
        for line in bytes.split(|b| *b == b'\n') {
            let Some(path) = line.splitn(3, |b| *b == b':').nth(2) else { continue };
            let path = printable(path);
            let (engine, id) = container(&path);
            if found.pod.is_none() {
                found.pod = path.split('/').rev().find_map(pod);
            }
            if id.is_some() && found.id.is_none() {
                (found.engine, found.id) = (engine, id);
                found.path.clear();
            }
            if found.path.is_empty() && path != "/" {
                found.path = path.chars().take(LONGEST_PATH).collect();
            }
        }
        found
    }
}

/// The innermost container that a path names.
fn container(path: &str) -> (Option<&'static str>, Option<String>) {
    let parts: Vec<&str> = path.split('/').collect();
    for (at, part) in parts.iter().enumerate().rev() {
        // podman and CRI-O watch each container by a process with a cgroup of its own.
        if part.contains("conmon-") {
            break;
        }
        let name = part.strip_suffix(".scope").unwrap_or(part);
        let Some((before, id)) = split_id(name) else { continue };
        let known = ENGINES.iter().find(|(prefix, _)| *prefix == before);
        // Where systemd is not there, `pod<uid>.slice:cri-containerd:<id>`.
        let known = known.or_else(|| {
            let inner = before.rsplit(':').next()?;
            ENGINES.iter().find(|(prefix, _)| *prefix == inner)
        });
        let below_docker = at.checked_sub(1).and_then(|above| parts.get(above)) == Some(&"docker");
        let engine = match known {
            Some(("", _)) if below_docker => Some("docker"),
            Some((_, engine)) => *engine,
            None => None,
        };
        return (engine, Some(id.to_owned()));
    }
    (None, None)
}

/// What stands before the id in a name that ends with one.
fn split_id(name: &str) -> Option<(&str, &str)> {
    const DIGITS: usize = 64;
    let (before, id) = name.split_at_checked(name.len().checked_sub(DIGITS)?)?;
    let is_hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
    if !id.bytes().all(is_hex) {
        return None;
    }
    if before.is_empty() {
        return Some((before, id));
    }
    before.strip_suffix(['-', ':']).map(|before| (before, id))
}

/// The uid of the pod that a cgroup is of.
fn pod(name: &str) -> Option<String> {
    // What stands before it may have the three letters too: `kubepods`.
    name.rmatch_indices("pod").find_map(|(at, word)| {
        let before = name.get(..at)?;
        if !(before.is_empty() || before.ends_with('-')) {
            return None;
        }
        let rest = name.get(at + word.len()..)?;
        let end = rest.find(['.', ':']).unwrap_or(rest.len());
        let uid = rest.get(..end)?.replace('_', "-");
        let digits = uid.bytes().filter(u8::is_ascii_hexdigit).count();
        let dashes = uid.bytes().filter(|b| *b == b'-').count();
        // That of a pod from a file on the node is a checksum without dashes.
        (digits == 32 && (dashes == 4 || dashes == 0) && uid.len() == digits + dashes)
            .then_some(uid)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "0f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c4b5a69788796a5b4c3d2e1f0";
    const OTHER: &str = "aaaabbbbccccddddaaaabbbbccccddddaaaabbbbccccddddaaaabbbbccccdddd";
    const UID: &str = "3c0e8f5a-1b2c-4d5e-8f90-a1b2c3d4e5f6";

    fn of(text: &str) -> (Option<&'static str>, Option<String>, Option<String>) {
        let text = text.replace("U_I_D", &UID.replace('-', "_")).replace("UID", UID);
        let text = text.replace("ID", ID).replace("OTHER", OTHER);
        let place = Place::parse(text.as_bytes());
        (place.engine, place.id, place.pod)
    }

    #[test]
    fn every_engine_s_cgroup_has_the_id_with_either_driver_and_version() {
        let docker_v1 =
            "12:pids:/docker/ID\n1:name=systemd:/docker/ID\n0::/system.slice/x.service\n";
        for (text, engine) in [
            (docker_v1, Some("docker")),
            ("0::/docker/ID\n", Some("docker")),
            ("0::/system.slice/docker-ID.scope\n", Some("docker")),
            ("4:memory:/shop/ID\n", None),
            ("0::/user.slice/user-1000.slice/docker-ID.scope/init\n", Some("docker")),
            ("0::/machine.slice/libpod-ID.scope/container\n", Some("podman")),
            ("0::/machine.slice/libpod-ID.scope\n", Some("podman")),
            ("5:cpu:/libpod_parent/libpod-ID\n", Some("podman")),
            ("0::/machine.slice/machine-libpod_pod_OTHER.slice/libpod-ID.scope\n", Some("podman")),
            ("0::/system.slice/nerdctl-ID.scope\n", Some("containerd")),
            ("0::/k8s.io/ID\n", None),
            // Of a process in another container, seen from a cgroup namespace.
            ("0::/../ID\n", None),
            ("0::/../../system.slice/docker-ID.scope\n", Some("docker")),
            // One within another.
            ("0::/docker/OTHER/docker/ID\n", Some("docker")),
            ("0::/docker/ID/init.scope\n", Some("docker")),
        ] {
            assert_eq!(of(text), (engine, Some(ID.to_owned()), None), "{text}");
        }
    }

    #[test]
    fn a_pod_s_cgroup_has_its_uid_too() {
        for (text, engine) in [
            ("11:cpu:/kubepods/burstable/podUID/ID\n", None),
            ("0::/kubepods/podUID/ID\n", None),
            (
                "0::/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-podU_I_D.slice/\
                 cri-containerd-ID.scope\n",
                Some("containerd"),
            ),
            ("0::/kubepods.slice/kubepods-podU_I_D.slice/crio-ID.scope/container\n", Some("cri-o")),
            (
                "0::/kubepods.slice/kubepods-besteffort-podU_I_D.slice/docker-ID.scope\n",
                Some("docker"),
            ),
            (
                "9:pids:/system.slice/containerd.service/\
                 kubepods-besteffort-podU_I_D.slice:cri-containerd:ID\n",
                Some("containerd"),
            ),
            ("0::/../../podUID/ID\n", None),
        ] {
            assert_eq!(of(text), (engine, Some(ID.to_owned()), Some(UID.to_owned())), "{text}");
        }
        let checksum = "b5c4d3e2f1a09f8e7d6c5b4a39281706";
        let from_file = format!("0::/kubepods/besteffort/pod{checksum}/ID\n");
        assert_eq!(of(&from_file).2, Some(checksum.to_owned()));
    }

    #[test]
    fn what_is_no_container_has_no_id() {
        for text in [
            "0::/\n",
            "0::/machine.slice/libpod-conmon-ID.scope\n",
            "0::/kubepods.slice/kubepods-podU_I_D.slice/crio-conmon-ID.scope\n",
            "0::/user.slice/user-0.slice/session-1.scope\n",
            "0::/system.slice/libvirt-pod.service\n",
            "0::/default/my-container\n",
            "",
            "nonsense",
            "0::/ID0\n",
        ] {
            assert_eq!(of(text).1, None, "{text}");
        }
        assert_eq!(Place::parse(b"3:cpu:/\n0::/default/mine\n").path, "/default/mine");
        assert_eq!(Place::parse(b"0::/a\x1b[2J\n").path, "/a?[2J");
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_upset_it(bytes: Vec<u8>) {
            let _ = Place::parse(&bytes);
        }

        #[test]
        fn no_name_upsets_it(
            name in "(pod|-|_|:|/|[0-9a-f]{30,70}|conmon-|é|\\.slice|\\.scope){0,9}",
        ) {
            let place = Place::parse(format!("0::/{name}").as_bytes());
            proptest::prop_assert!(place.id.is_none_or(|id| id.len() == 64));
        }
    }
}
