//! The error type has room for `TaskError`.

use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
enum ImageError {
    Empty,
}

#[atasks::task]
async fn resize(width: u32) -> Result<u32, ImageError> {
    if width == 0 { Err(ImageError::Empty) } else { Ok(width) }
}

fn main() {
    drop(resize(1));
}
