//! Arguments travel.

use std::{net::TcpStream, time::Duration};

struct Settings {
    quality: u8,
}

#[atasks::task]
async fn resize(url: String, settings: Settings, within: Option<Duration>) -> atasks::Result<u8> {
    drop((url, within));
    Ok(settings.quality)
}

#[atasks::task]
async fn serve(stream: TcpStream) -> atasks::Result<()> {
    drop(stream);
    Ok(())
}

fn main() {
    drop((resize(String::new(), Settings { quality: 1 }, None), serve));
}
