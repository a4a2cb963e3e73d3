//! Small files in the data directory: JSON with a version, replaced as a whole, bounded, and never a reason not to start.

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::{
    fs::{self, File},
    io::{self, Read, Write},
    path::Path,
};
use tracing::warn;

/// What a file holds, and how much of it.
pub trait Bounded: Serialize + DeserializeOwned {
    /// The version that is written, and the only one that is read.
    const VERSION: u32;
    /// No file is larger, in bytes.
    const MAX_BYTES: u64;
}

#[derive(Serialize, Deserialize)]
struct Versioned<T> {
    version: u32,
    #[serde(flatten)]
    contents: T,
}

/// Reads a file; blocks. Nothing if there is none; nothing and a warning, and the file set aside, if it cannot be used.
#[must_use]
pub fn read<T: Bounded>(path: &Path) -> Option<T> {
    match try_read(path) {
        Ok(contents) => contents,
        Err(error) => {
            let aside = path.with_extension("damaged");
            let kept = fs::rename(path, &aside).is_ok();
            warn!(
                file = %path.display(), %error, set_aside = kept,
                "the file cannot be used; the node goes on without what it held"
            );
            None
        }
    }
}

fn try_read<T: Bounded>(path: &Path) -> io::Result<Option<T>> {
    let file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        file => file?,
    };
    let invalid = |what: String| io::Error::new(io::ErrorKind::InvalidData, what);
    let mut text = Vec::new();
    file.take(T::MAX_BYTES + 1).read_to_end(&mut text)?;
    if text.len() as u64 > T::MAX_BYTES {
        return Err(invalid(format!("more than {} bytes", T::MAX_BYTES)));
    }
    #[derive(Deserialize)]
    struct Version {
        version: u32,
    }
    // First, so that a file of another version is told as that.
    let Version { version } = serde_json::from_slice(&text)?;
    if version != T::VERSION {
        return Err(invalid(format!("version {version}, and this program reads {}", T::VERSION)));
    }
    let Versioned { contents, .. } = serde_json::from_slice::<Versioned<T>>(&text)?;
    Ok(Some(contents))
}

/// Replaces a file: after a crash there is the old one or the new one.
///
/// # Errors
/// If the file system refuses.
pub fn write<T: Bounded>(path: &Path, contents: &T) -> io::Result<()> {
    #[derive(Serialize)]
    struct Borrowed<'a, T> {
        version: u32,
        #[serde(flatten)]
        contents: &'a T,
    }
    let text = serde_json::to_vec_pretty(&Borrowed { version: T::VERSION, contents })?;
    let unfinished = path.with_extension("unfinished");
    let mut file = File::create(&unfinished)?;
    file.write_all(&text)?;
    file.sync_all()?;
    fs::rename(&unfinished, path)?;
    if let Some(directory) = path.parent() {
        File::open(directory)?.sync_all()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Sample {
        names: Vec<String>,
    }

    impl Bounded for Sample {
        const VERSION: u32 = 3;
        const MAX_BYTES: u64 = 100;
    }

    #[test]
    fn there_and_back_and_nothing_else_is_left() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("sample.json");
        assert_eq!(read::<Sample>(&path), None);
        for names in [vec!["a".to_owned()], vec![]] {
            let sample = Sample { names };
            write(&path, &sample).unwrap();
            assert_eq!(read(&path), Some(sample));
        }
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    }

    #[test]
    fn what_cannot_be_used_is_set_aside() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("sample.json");
        let large = format!(r#"{{"version":3,"names":["{}"]}}"#, "x".repeat(100));
        for text in ["", "{", "[]", r#"{"version":4,"names":[]}"#, r#"{"version":3}"#, &large] {
            fs::write(&path, text).unwrap();
            assert_eq!(read::<Sample>(&path), None, "{text}");
            assert!(!path.exists());
            assert_eq!(fs::read_to_string(path.with_extension("damaged")).unwrap(), text);
        }
    }
}
