//! Both sides of the result travel.

use atasks::TaskError;

#[derive(Debug, thiserror::Error)]
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

struct Image;

#[atasks::task]
async fn load(path: String) -> atasks::Result<Vec<Image>> {
    drop(path);
    Ok(vec![Image])
}

fn main() {
    drop((size(String::new()), load(String::new())));
}
