//! What Linux tells of processes and connections.

use std::{fs, io, time::Duration};

/// How long a process has used a processor.
pub(crate) fn processor_time(pid: u32) -> io::Result<Duration> {
    // By thread, in nanoseconds: the hundredths of `stat` are too coarse for an idle process.
    let mut time = 0;
    for thread in fs::read_dir(format!("/proc/{pid}/task"))? {
        let told = fs::read_to_string(thread?.path().join("schedstat"))?;
        time += told.split_whitespace().next().and_then(|nanos| nanos.parse().ok()).unwrap_or(0);
    }
    Ok(Duration::from_nanos(time))
}

/// Resident bytes of a process, and those of them that no other process shares.
pub(crate) fn memory(pid: u32) -> io::Result<(u64, u64)> {
    let told = fs::read_to_string(format!("/proc/{pid}/smaps_rollup"))?;
    let bytes = |of: &str| {
        let lines = told.lines().filter(|line| line.starts_with(of));
        lines.filter_map(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok()).sum::<u64>() * 1024
    };
    Ok((bytes("Rss:"), bytes("Private_")))
}

/// Connections that were accepted at these Unix sockets and are open.
pub(crate) fn accepted_unix(addresses: &[String]) -> Option<usize> {
    let told = fs::read_to_string("/proc/net/unix").ok()?;
    let paths: Vec<_> = addresses.iter().filter_map(|address| address.strip_prefix("unix:")).collect();
    // Num RefCount Protocol Flags Type St Inode Path; state 3 is connected, and only the accepting end has the path.
    let ends = told.lines().filter(|line| {
        let fields: Vec<_> = line.split_whitespace().collect();
        fields.get(5) == Some(&"03") && fields.get(7).is_some_and(|path| paths.contains(path))
    });
    Some(ends.count())
}

/// Connections that were accepted at these ports and are open.
pub(crate) fn accepted_tcp(addresses: &[String]) -> Option<usize> {
    let told = fs::read_to_string("/proc/net/tcp").ok()?;
    let ports: Vec<u16> = addresses.iter().filter_map(|address| address.rsplit_once(':')?.1.parse().ok()).collect();
    // sl local_address rem_address st; state 1 is connected, and only the accepting end has the port as its own.
    let ends = told.lines().filter(|line| {
        let fields: Vec<_> = line.split_whitespace().collect();
        let port = fields.get(1).and_then(|local| u16::from_str_radix(local.rsplit_once(':')?.1, 16).ok());
        fields.get(3) == Some(&"01") && port.is_some_and(|port| ports.contains(&port))
    });
    Some(ends.count())
}
