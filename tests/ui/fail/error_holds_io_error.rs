//! An error that travels holds only what travels.

use atasks::TaskError;
use serde::{Deserialize, Serialize};

#[derive(Debug, thiserror::Error, Serialize, Deserialize)]
enum ImageError {
    #[error("cannot read the image")]
    Io(#[from] std::io::Error),
    #[error(transparent)]
    Task(#[from] TaskError),
}

#[atasks::task]
async fn size(path: String) -> Result<u64, ImageError> {
    Ok(std::fs::metadata(path)?.len())
}

fn main() {
    drop(size(String::new()));
}
