//! What is released: archives and Debian packages of a program, and a package's life on a machine.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use data_encoding::HEXLOWER;
use e2e::program;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

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
        let parts = format!("wazapp-0.1.0-{arch}.cdx.json");
        let names = [format!("wazapp_0.1.0_{arch}.deb"), format!("wazapp-0.1.0-{arch}-linux.tar.gz"), parts];
        let sums = format!("wazapp-0.1.0-{arch}.sha256");
        for name in names.iter().chain([&sums]) {
            let [one, other] = ["one", "other"].map(|out| std::fs::read(path(out).join(name)).expect("a file"));
            assert!(!one.is_empty() && one == other, "{name}");
        }
        let sums = std::fs::read_to_string(path("one").join(sums)).expect("sums");
        assert!(names.iter().all(|name| sums.contains(name)), "{sums}");
        it_says_what_is_in(&program, &path("one").join(&names[2]));
        let says = Command::new("dpkg-deb").arg("--field").arg(path("one").join(&names[0])).output().expect("dpkg-deb");
        let says = String::from_utf8(says.stdout).expect("text");
        assert!(says.contains(&format!("Architecture: {arch}\n")) && says.contains("libc6 (>= 2.34)"), "{says}");
    }
    let refused = Command::new(root().join("scripts/package")).args([&program, Path::new("sparc")]).output();
    let refused = refused.expect("scripts/package runs");
    assert!(!refused.status.success());
    assert!(String::from_utf8_lossy(&refused.stderr).contains("amd64 and arm64, not for sparc"));
}

/// A list of parts keeps to its schema, and has what is linked into the program and what its pages are made of, and nothing that only
/// builds or tests it.
fn it_says_what_is_in(program: &Path, list: &Path) {
    let reader = root().join("target/tools-sbom/bin/python");
    let script = "import sys, pathlib\n\
        from cyclonedx.schema import SchemaVersion\n\
        from cyclonedx.validation.json import JsonStrictValidator\n\
        odd = JsonStrictValidator(SchemaVersion.V1_6).validate_str(pathlib.Path(sys.argv[1]).read_text())\n\
        sys.exit(odd and str(odd))";
    let output = Command::new(reader).args(["-c", script]).arg(list).output();
    done("the schema", &output.expect("scripts/need sbom installs the schema"));
    let said: Value = serde_json::from_slice(&std::fs::read(list).expect("a list")).expect("JSON");
    let own = &said["metadata"]["component"];
    let digest = HEXLOWER.encode(&Sha256::digest(std::fs::read(program).expect("a program")));
    assert_eq!((&own["name"], &own["version"]), (&json!("wazapp"), &json!("0.1.0")));
    assert_eq!(own["hashes"][0]["content"], json!(digest), "it is of this program");
    let parts = said["components"].as_array().expect("parts");
    let has = |name: &str| parts.iter().any(|part| part["name"] == name);
    for linked in ["model", "tokio", "rustls", "aws-lc-sys", "@hotwired/turbo", "lucide-static"] {
        assert!(has(linked), "{linked} is in it");
    }
    for not in ["e2e", "proptest", "cc", "serde_derive", "windows-sys"] {
        assert!(!has(not), "{not} is not in it");
    }
    assert!(parts.iter().all(|part| part["licenses"][0]["expression"].is_string()), "each says its licence");
    let text = said.to_string();
    assert!(!text.contains(&*root().canonicalize().expect("a path").to_string_lossy()), "no path of this machine");
}

/// Installed, started, upgraded, removed and purged, on a machine that lies over this one and is gone afterwards.
#[test]
fn a_package_is_installed_started_upgraded_and_removed() {
    let folder = tempfile::tempdir().expect("a folder");
    let machine = folder.path().join("machine");
    std::fs::create_dir(&machine).expect("a folder");
    let begins = "unshare --mount --pid --fork --kill-child true";
    if e2e::refused("a_package_is_installed_started_upgraded_and_removed", begins) {
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
