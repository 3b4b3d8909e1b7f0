use std::os::unix::fs::PermissionsExt as _;

use proptest::prelude::*;

use super::*;

const HEX: &str = "8f1c0a52d3e94b7768b3f5120c9d4e6ba17f83c2550e6d9922b4d8f0713cae15";
const BASE64URL: &str = "jxwKUtPpS3dos_USDJ1Oa6F_g8JVDm2ZIrTY8HE8rhU";

fn folder_with(text: &str, mode: u32) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("secret");
    std::fs::write(&path, text).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
    (folder, path)
}

#[test]
fn both_spellings_mean_the_same_bytes() {
    for text in [HEX, &HEX.to_uppercase(), BASE64URL, &format!("{BASE64URL}=")] {
        assert_eq!(text.parse::<Secret>().unwrap().reveal(), HEX, "{text}");
    }
}

#[test]
fn other_texts_are_refused_without_being_repeated() {
    let stray = format!("{BASE64URL}A");
    let standard = BASE64URL.replace('_', "/");
    let unclean = format!("{}V", &BASE64URL[..42]);
    for text in ["", "hunter2", &HEX[1..], &format!("{HEX}="), &HEX.replace('8', "x"), &stray, &standard, &unclean] {
        let error = text.parse::<Secret>().unwrap_err();
        let shown = format!("{error} {error:?}");
        assert!(matches!(error, SecretError::Malformed { .. }), "{text}: {shown}");
        assert!(shown.contains("openssl rand -hex 32"), "{shown}");
        assert!(text.is_empty() || !shown.contains(text), "{shown}");
    }
}

#[test]
fn bytes_that_are_not_random_are_refused() {
    let refused = |bytes| matches!(Secret::from_bytes(bytes), Err(SecretError::Guessable { .. }));
    assert!(refused([0; 32]));
    assert!(refused([0xa7; 32]));
    assert!(refused(std::array::from_fn(|i| i as u8)));
    assert!(refused(std::array::from_fn(|i| 255 - 3 * i as u8)));
    assert!(refused(std::array::from_fn(|i| [0xde, 0xad, 0xbe, 0xef][i % 4])));
    assert!(refused(std::array::from_fn(|i| (7 * i % 11) as u8)));
    assert!(refused(*b"correct horse battery staple now"));
    assert!(!refused(*HEX.parse::<Secret>().unwrap().as_bytes()));
}

#[test]
fn debug_shows_nothing() {
    assert_eq!(format!("{:?}", HEX.parse::<Secret>().unwrap()), "Secret(..)");
}

#[test]
fn a_file_that_others_may_read_is_refused_with_the_fix() {
    for mode in [0o644, 0o640, 0o606, 0o602] {
        let (_folder, path) = folder_with(HEX, mode);
        let error = Secret::from_file(&path).unwrap_err().to_string();
        assert!(error.contains(&format!("chmod 600 {}", path.display())), "{error}");
        assert!(error.contains(&format!("mode {mode:03o}")), "{error}");
    }
    let (_folder, path) = folder_with(&format!("\n  {HEX}\n"), 0o600);
    assert_eq!(Secret::from_file(&path).unwrap().reveal(), HEX);
}

#[test]
fn a_file_of_another_user_is_refused_and_roots_is_not() {
    let path = Path::new("/etc/atasks/secret");
    assert!(owners_alone(path, 1000, 0o600, 1000).is_ok());
    assert!(owners_alone(path, 0, 0o400, 1000).is_ok());
    let error = owners_alone(path, 1001, 0o600, 1000).unwrap_err();
    assert!(matches!(error, SecretError::ForeignOwner { owner: 1001, own: 1000, .. }), "{error}");
    assert!(owners_alone(path, 1000, 0o600, 0).is_err(), "root does not take a user's file for its own");
}

#[test]
fn a_file_without_a_secret_is_named() {
    let (folder, path) = folder_with("hunter2", 0o600);
    let error = Secret::from_file(&path).unwrap_err();
    assert!(error.to_string().contains(&path.display().to_string()), "{error}");
    assert!(matches!(error, SecretError::InFile { .. }), "{error:?}");
    assert!(matches!(Secret::from_file(folder.path()), Err(SecretError::NotAFile { .. })));
    assert!(matches!(Secret::from_file(Path::new("/nowhere/secret")), Err(SecretError::Io { .. })));
}

#[test]
fn starters_at_once_agree_on_one_private_secret() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state/atasks");
    let secrets: Vec<String> = std::thread::scope(|scope| {
        let starts: Vec<_> = (0..8).map(|_| scope.spawn(|| Secret::kept_in(&state).unwrap().reveal())).collect();
        starts.into_iter().map(|start| start.join().unwrap()).collect()
    });
    assert!(secrets.iter().all(|secret| *secret == secrets[0]), "{secrets:?}");
    let files: Vec<_> = std::fs::read_dir(&state).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(files, ["secret"], "no draft is left behind");
    assert_eq!(std::fs::metadata(state.join("secret")).unwrap().mode() & 0o777, 0o600);
    assert_eq!(std::fs::metadata(&state).unwrap().mode() & 0o777, 0o700);
}

#[test]
fn the_state_folder_follows_the_base_directory_rules() {
    let folder = |xdg: Option<&str>, home: Option<&str>| state_folder(xdg.map(Into::into), home.map(Into::into));
    assert_eq!(folder(Some("/s"), Some("/h")), Some("/s/atasks".into()));
    assert_eq!(folder(None, Some("/h")), Some("/h/.local/state/atasks".into()));
    assert_eq!(folder(Some("relative"), Some("/h")), Some("/h/.local/state/atasks".into()));
    assert_eq!(folder(Some(""), None), None);
}

proptest! {
    #[test]
    fn any_random_secret_reads_back(bytes: [u8; 32]) {
        prop_assume!(guessable(&bytes).is_none());
        let secret = Secret::from_bytes(bytes).unwrap();
        let read_back: Secret = secret.reveal().parse().unwrap();
        prop_assert_eq!(read_back.as_bytes(), &bytes);
    }

    #[test]
    fn no_text_panics(text in ".{0,70}") {
        let _ = text.parse::<Secret>();
    }
}
