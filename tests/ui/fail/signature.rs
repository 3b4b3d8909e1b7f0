//! Every mistake in a signature is told, with what to write instead.

struct Image;

impl Image {
    #[atasks::task]
    async fn resize(&self, width: u32) -> atasks::Result<u32> {
        Ok(width)
    }

    #[atasks::task]
    async fn load(path: String) -> atasks::Result<Self> {
        Ok(Self)
    }
}

#[atasks::task]
fn plain(n: u64) -> atasks::Result<u64> {
    Ok(n)
}

#[atasks::task]
async fn generic<T: Send, const N: usize>(value: T) -> atasks::Result<T>
where
    T: Sync,
{
    Ok(value)
}

#[atasks::task]
async fn borrowed<'a>(name: &'a str, path: &std::path::Path, list: Option<&[u8]>) -> atasks::Result<&'static str> {
    Ok("")
}

#[atasks::task]
async fn open(numbers: impl Iterator<Item = u64>) -> atasks::Result<u64> {
    Ok(numbers.sum())
}

#[atasks::task]
async fn hidden(n: u64) -> atasks::Result<impl std::fmt::Debug> {
    Ok(n)
}

#[atasks::task]
async fn patterns((a, b): (u8, u8), _: Vec<u8>, mut c: u8) -> atasks::Result<u8> {
    c += a;
    Ok(b + c)
}

#[atasks::task]
async unsafe extern "C" fn raw(n: u64) -> atasks::Result<u64> {
    Ok(n)
}

#[atasks::task]
const async fn constant(#[allow(unused)] n: u64) {}

#[atasks::task]
async fn bodiless(n: u64) -> atasks::Result<u64>;

#[atasks::task]
struct Resize;

fn main() {
    drop((plain(1), open([1].into_iter()), patterns((1, 2), Vec::new(), 3), constant(1)));
}
