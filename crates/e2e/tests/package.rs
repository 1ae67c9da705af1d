//! What is released: archives and Debian packages of a program, and a package's life on a machine.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use e2e::program;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn done(what: &str, output: &Output) {
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{what}: {said}\n{}", String::from_utf8_lossy(&output.stderr));
}

/// Packs a program, without the patience for the smallest file.
fn package(program: &Path, arch: &str, version: &str, out: &Path) -> PathBuf {
    let output = Command::new(root().join("scripts/package"))
        .args([program, Path::new(arch), out])
        .envs([("PACKAGE_FAST", "1"), ("PACKAGE_VERSION", version)])
        .output()
        .expect("scripts/package runs");
    done("scripts/package", &output);
    out.join(format!("wazapp_{version}_{arch}.deb"))
}

/// The program of the tests, without what debuggers read in it.
fn stripped(folder: &Path) -> PathBuf {
    let program = folder.join("wazapp");
    let output = Command::new("strip").arg("-o").args([&program, &program::binary()]).output().expect("strip runs");
    done("strip", &output);
    program
}

#[test]
fn the_same_program_is_packed_into_the_same_bytes_for_both_kinds_of_machine() {
    let folder = tempfile::tempdir().expect("a folder");
    // What is packed is asked only for the C library that it needs.
    let program = folder.path().join("wazapp");
    std::fs::write(&program, "GLIBC_2.4 GLIBC_2.34 GLIBC_2.17").expect("written");
    let path = |name: &str| folder.path().join(name);
    for arch in ["amd64", "arm64"] {
        for out in ["one", "other"] {
            package(&program, arch, "0.1.0", &path(out));
            // As whoever else packs it, later.
            std::fs::write(&program, "GLIBC_2.4 GLIBC_2.34 GLIBC_2.17").expect("written");
        }
        let names = [format!("wazapp_0.1.0_{arch}.deb"), format!("wazapp-0.1.0-{arch}-linux.tar.gz")];
        for name in names.iter().chain([&format!("wazapp-0.1.0-{arch}.sha256")]) {
            let [one, other] = ["one", "other"].map(|out| std::fs::read(path(out).join(name)).expect("a file"));
            assert!(!one.is_empty() && one == other, "{name}");
        }
        let says = Command::new("dpkg-deb").arg("--field").arg(path("one").join(&names[0])).output().expect("dpkg-deb");
        let says = String::from_utf8(says.stdout).expect("text");
        assert!(says.contains(&format!("Architecture: {arch}\n")) && says.contains("libc6 (>= 2.34)"), "{says}");
    }
    let refused = Command::new(root().join("scripts/package")).args([&program, Path::new("sparc")]).output();
    let refused = refused.expect("scripts/package runs");
    assert!(!refused.status.success());
    assert!(String::from_utf8_lossy(&refused.stderr).contains("amd64 and arm64, not for sparc"));
}

fn is_root() -> bool {
    let output = Command::new("id").arg("-u").output().expect("id runs");
    output.stdout == b"0\n"
}

/// Installed, started, upgraded, removed and purged, on a machine that lies over this one and is gone afterwards.
#[test]
fn a_package_is_installed_started_upgraded_and_removed() {
    let folder = tempfile::tempdir().expect("a folder");
    let machine = folder.path().join("machine");
    std::fs::create_dir(&machine).expect("a folder");
    if !is_root() {
        assert!(std::env::var_os("CI").is_none(), "only root may begin a machine of its own");
        eprintln!(
            "SKIPPED a_package_is_installed_started_upgraded_and_removed: only root may begin a machine of its own"
        );
        return;
    }
    let program = stripped(folder.path());
    let old = package(&program, "amd64", "0.1.0", folder.path());
    let new = package(&program, "amd64", "0.1.1", folder.path());
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/package/machine.sh");
    let output = Command::new("unshare")
        .args(["--mount", "--pid", "--fork", "--kill-child", "--propagation", "private", "bash"])
        .arg(script)
        .args([&machine, &old, &new])
        .output()
        .expect("unshare is part of each Linux");
    done("a machine of its own", &output);
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains("its whole life"), "{said}");
}
