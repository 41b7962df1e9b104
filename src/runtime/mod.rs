//! `adieu-runtime`: an OCI runtime that puts adieu into containers and leaves the rest to the real
//! runtime.
//!
//! An engine calls it in the place of runc. `create`, `run` and `restore` come with a bundle, whose
//! `config.json` is changed before the real runtime is executed; every other call is handed over as
//! it is. `options` reads its own options, `call` the runtime's arguments and `config` the
//! configuration; `decide` decides, `edit` changes the text; what is here touches files and
//! executes.

mod call;
mod config;
mod decide;
mod edit;
pub mod options;

use crate::error::Error;
use crate::report;
use crate::system::sys::c_strings;
use call::Call;
use config::Config;
use decide::Decision;
use nix::errno::Errno;
use options::Own;
use serde_json::json;
use std::ffi::{CString, OsStr, OsString};
use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Write};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// What it is called in messages.
const NAME: &str = "adieu-runtime";
/// Counts how many of these wrappers are above one another.
const DEPTH: &str = "ADIEU_RUNTIME_DEPTH";
/// One is usual, a few are possible (a runtime that calls another): this many are a loop.
const MOST_DEPTH: u32 = 8;
/// Where the runtime is looked for where there is no `PATH`.
const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// Does what an engine asks its runtime for; `args` are without the program's own name. Returns the
/// exit status where there is nothing to hand over to the real runtime, or where that fails.
pub fn run(args: Vec<OsString>) -> u8 {
    let (own, args, call) = match options::split(&args) {
        Ok((own, rest)) => (own, rest, Call::of(rest)),
        Err(e) => return fail(&e, &Call::of(&args)),
    };
    let printed = match &own {
        Own { help: true, .. } => Some(Ok(options::help())),
        Own { check: Some(bundle), .. } => Some(check(&Path::new(bundle).join("config.json"))),
        _ => None,
    };
    match printed.map(|text| text.and_then(|text| report::print(&text))) {
        Some(Ok(())) => 0,
        Some(Err(e)) => fail(&e, &call),
        None => {
            let Err(e) = hand_over(&own, args, &call);
            fail(&e, &call)
        }
    }
}

/// Changes the configuration, if the call has one, and becomes the real runtime.
fn hand_over(own: &Own, args: &[OsString], call: &Call) -> Result<std::convert::Infallible, Error> {
    // Whatever is missing is found out before anything is changed.
    let runtime = real_runtime(own)?;
    let depth = next_depth()?;
    if let Some(path) = &call.config {
        inject(own, path)?;
    }
    // crun chooses its handler by the name that it is called by.
    let name = [runtime.as_os_str()].into_iter();
    let argv = c_strings(name.chain(args.iter().map(OsString::as_os_str)));
    let mut environment = vec![depth];
    environment.extend(std::env::vars_os().filter(|(name, _)| name != DEPTH).map(
        |(mut entry, value)| {
            entry.push("=");
            entry.push(value);
            entry
        },
    ));
    let environment = c_strings(environment.iter().map(OsString::as_os_str));
    let path = CString::new(runtime.clone().into_os_string().into_vec()).unwrap_or_default();
    let Err(errno) = nix::unistd::execve(&path, &argv, &environment);
    let text = format!("cannot execute the runtime {}: {}", runtime.display(), errno.desc());
    Err(if errno == Errno::ENOENT { Error::NotFound(text) } else { Error::NotExecutable(text) })
}

/// The counter for the runtime's environment.
fn next_depth() -> Result<OsString, Error> {
    let depth = std::env::var(DEPTH).ok().and_then(|value| value.parse::<u32>().ok()).unwrap_or(0);
    if depth >= MOST_DEPTH {
        return Err(Error::Usage(format!(
            "the runtime that it is to execute leads back to itself ({DEPTH}={depth}); name runc, \
             crun or the like by --adieu-runtime= or ADIEU_RUNTIME"
        )));
    }
    Ok(OsString::from(format!("{DEPTH}={}", depth + 1)))
}

/// A setting: the option, or the variable of the engine's environment; an empty one is unset.
fn setting(option: Option<&OsString>, variable: &str) -> Option<OsString> {
    option.cloned().or_else(|| std::env::var_os(variable).filter(|value| !value.is_empty()))
}

/// The real runtimes that are looked for where none is named, the first that is there.
const DEFAULTS: [&str; 2] = ["runc", "crun"];

/// The real runtime: by its path, or by its name on `PATH`.
fn real_runtime(own: &Own) -> Result<PathBuf, Error> {
    let path = std::env::var_os("PATH").unwrap_or_else(|| DEFAULT_PATH.into());
    let named = setting(own.runtime.as_ref(), "ADIEU_RUNTIME");
    let by_path = named.as_ref().is_some_and(|name| name.as_bytes().contains(&b'/'));
    let names = named.map_or_else(|| DEFAULTS.map(OsString::from).to_vec(), |name| vec![name]);
    // Not the working directory, which is the bundle.
    let listed = std::env::split_paths(&path).filter(|directory| directory.is_absolute());
    let directories = if by_path { vec![PathBuf::new()] } else { listed.collect() };
    let mut met_itself = false;
    for name in &names {
        match look_up(name, &directories) {
            Found::Runtime(file) => return Ok(file),
            Found::Itself => met_itself = true,
            Found::Nothing => {}
        }
    }
    let names: Vec<String> = names.iter().map(|name| format!("'{}'", name.display())).collect();
    let name = names.join(" or ");
    Err(match (by_path, met_itself) {
        (_, true) => Error::Usage(format!(
            "the real runtime {name} is {NAME} itself; name runc, crun or the like by \
             --adieu-runtime= or ADIEU_RUNTIME"
        )),
        (true, false) => Error::NotFound(format!(
            "the real runtime {name} is missing or cannot be executed; name one that is there by \
             --adieu-runtime= or ADIEU_RUNTIME"
        )),
        (false, false) => Error::NotFound(format!(
            "there is no runtime {name} on the PATH ({}); name one by its path, by \
             --adieu-runtime= or ADIEU_RUNTIME",
            path.display()
        )),
    })
}

/// What directories have of a runtime's name.
enum Found {
    Runtime(PathBuf),
    /// Only this program itself, which is passed over.
    Itself,
    Nothing,
}

fn look_up(name: &OsStr, directories: &[PathBuf]) -> Found {
    let itself = fs::metadata("/proc/self/exe").ok();
    let mut found = Found::Nothing;
    for directory in directories {
        let file = directory.join(name);
        match fs::metadata(&file) {
            Ok(other) if itself.as_ref().is_some_and(|itself| same_file(itself, &other)) => {
                found = Found::Itself;
            }
            Ok(other) if other.is_file() && other.mode() & 0o111 != 0 => {
                return Found::Runtime(file);
            }
            _ => {}
        }
    }
    found
}

fn same_file(a: &Metadata, b: &Metadata) -> bool {
    a.dev() == b.dev() && a.ino() == b.ino()
}

/// The adieu to mount, by its absolute path.
fn binary(own: &Own) -> Result<String, Error> {
    let refuse = |path: &Path, why: &dyn std::fmt::Display| {
        Error::NotFound(format!(
            "cannot mount the adieu binary {}: {why}; put it beside {NAME}, or name it by \
             --adieu-binary= or ADIEU_BINARY",
            path.display()
        ))
    };
    let path = match setting(own.binary.as_ref(), "ADIEU_BINARY") {
        Some(path) => PathBuf::from(path),
        None => fs::read_link("/proc/self/exe")
            .map_err(|e| {
                Error::System(format!("cannot tell where {NAME} is: {e}; is /proc mounted?"))
            })?
            .with_file_name("adieu"),
    };
    if !path.is_absolute() {
        return Err(refuse(&path, &"the path is not absolute"));
    }
    let found = fs::metadata(&path).map_err(|e| refuse(&path, &e))?;
    if !found.is_file() {
        return Err(refuse(&path, &"it is no file"));
    }
    // The container's user may be any.
    if found.mode() & 0o005 != 0o005 {
        let mode = found.mode() & 0o7777;
        return Err(refuse(
            &path,
            &format!("not everybody may execute it (mode {mode:o}): chmod 755"),
        ));
    }
    path.into_os_string()
        .into_string()
        .map_err(|path| refuse(Path::new(&path), &"the path is no UTF-8"))
}

/// The text of a configuration.
fn read(path: &Path) -> Result<String, Error> {
    let text = fs::read(path).and_then(|bytes| {
        String::from_utf8(bytes).map_err(|e| {
            io::Error::other(format!("byte {} is no UTF-8", e.utf8_error().valid_up_to()))
        })
    });
    text.map_err(|e| {
        Error::System(format!(
            "cannot read the configuration {}: {e}; is this a bundle?",
            path.display()
        ))
    })
}

fn wrong(path: &Path, why: impl std::fmt::Display) -> Error {
    Error::Usage(format!("the configuration {}: {why}", path.display()))
}

/// Puts adieu into the configuration, where that is to be.
fn inject(own: &Own, path: &Path) -> Result<(), Error> {
    let text = read(path)?;
    let config = Config::parse(&text).map_err(|why| wrong(path, why))?;
    let Decision::Wrap(destination, options) =
        decide::decide(&config).map_err(|why| wrong(path, why))?
    else {
        return Ok(());
    };
    let edited = edit::edit(&config, destination, &options, &binary(own)?);
    replace(path, edited.as_bytes()).map_err(|e| {
        Error::System(format!("cannot change the configuration {}: {e}", path.display()))
    })
}

/// What would be done with a configuration, as a line.
fn check(path: &Path) -> Result<String, Error> {
    let text = read(path)?;
    let config = Config::parse(&text).map_err(|why| wrong(path, why))?;
    Ok(match decide::decide(&config).map_err(|why| wrong(path, why))? {
        Decision::LeaveAlone(why) => format!("left alone: {why}\n"),
        Decision::Wrap(destination, options) => {
            let words: Vec<&str> =
                [destination].into_iter().chain(options.iter().map(String::as_str)).collect();
            format!("wrapped: {} -- ...\n", words.join(" "))
        }
    })
}

/// Replaces a file at once, with the same mode and owner, so that nobody ever reads a half of it.
/// Not synchronised with the disk: after a crash of the node the engine writes its bundles anew.
fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    let path = fs::canonicalize(path)?;
    let mut temporary = path.clone().into_os_string();
    temporary.push(format!(".{}.tmp", std::process::id()));
    let temporary = Path::new(&temporary);
    let old = fs::metadata(&path)?;
    // Of a run that was killed and had this pid.
    let _ = fs::remove_file(temporary);
    let written = write_like(&old, temporary, content).and_then(|()| fs::rename(temporary, &path));
    written.inspect_err(|_| {
        let _ = fs::remove_file(temporary);
    })
}

fn write_like(old: &Metadata, path: &Path, content: &[u8]) -> io::Result<()> {
    let mut file = File::options().write(true).create_new(true).mode(0o600).open(path)?;
    let new = file.metadata()?;
    if (new.uid(), new.gid()) != (old.uid(), old.gid()) {
        fchown(&file, Some(old.uid()), Some(old.gid()))?;
    }
    file.set_permissions(fs::Permissions::from_mode(old.mode() & 0o7777))?;
    file.write_all(content)
}

/// Says what was wrong on stderr and, as runtimes do, in the log, where the engine reads it.
fn fail(error: &Error, call: &Call) -> u8 {
    let message = format!("{NAME}: {error}");
    let _ = writeln!(io::stderr(), "{message}");
    if let Some(path) = &call.log {
        let line = log_line(&message, call.json, SystemTime::now());
        let log = OpenOptions::new().append(true).create(true).mode(0o644).open(path);
        let _ = log.and_then(|mut log| log.write_all(line.as_bytes()));
    }
    error.exit_code()
}

/// A line of a runtime's log, in the forms that runc has.
fn log_line(message: &str, json: bool, now: SystemTime) -> String {
    let time = humantime::format_rfc3339_seconds(now).to_string();
    if json {
        format!("{}\n", json!({ "level": "error", "msg": message, "time": time }))
    } else {
        format!("time=\"{time}\" level=error msg={}\n", json!(message))
    }
}
