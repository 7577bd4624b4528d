//! A load generator for `bench/edge.py`: asks for random byte ranges over kept-alive connections, and has the kernel
//! discard the bodies (`MSG_TRUNC`), so that a client which copies does not hide what the server costs.
//!
//! `range_load ADDRESS SIZE LENGTH STEP CONNECTIONS SECONDS TARGET`: ranges of LENGTH bytes of an object of SIZE bytes
//! begin at random multiples of STEP. Prints responses, seconds, and the median, 99th percentile and maximum latency in
//! microseconds, as JSON. Ends with an error at the first response that is not the range asked for.

use std::io::{self, ErrorKind};
use std::os::fd::AsFd as _;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use rustix::net::{RecvFlags, recv};
use tokio::io::{AsyncWriteExt as _, Interest};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

/// More than a response's head has, and little enough that copying it costs nothing beside a range.
const HEAD: usize = 2 << 10;
/// The most bytes discarded by one call.
const DISCARDED: usize = 1 << 20;

#[derive(Clone)]
struct Load {
    address: String,
    target: String,
    size: u64,
    length: u64,
    step: u64,
    until: Instant,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let mut words = std::env::args().skip(1);
    let mut next = |name: &str| words.next().with_context(|| format!("{name} is missing"));
    let (address, size) = (next("ADDRESS")?, next("SIZE")?.parse()?);
    let (length, step) = (next("LENGTH")?.parse()?, next("STEP")?.parse()?);
    let (connections, seconds): (u64, f64) = (next("CONNECTIONS")?.parse()?, next("SECONDS")?.parse()?);
    let started = Instant::now();
    let until = started + Duration::from_secs_f64(seconds);
    let load = Load { address, target: next("TARGET")?, size, length, step, until };
    ensure!(0 < length && length <= size && step > 0, "a range must lie inside the object");
    let mut running = JoinSet::new();
    for seed in 1..=connections {
        running.spawn(request_ranges(load.clone(), seed));
    }
    let mut latencies = Vec::new();
    while let Some(of_one) = running.join_next().await {
        latencies.extend(of_one??);
    }
    latencies.sort_unstable();
    ensure!(!latencies.is_empty(), "no response arrived");
    let at = |percent: usize| latencies[(latencies.len() - 1) * percent / 100].as_micros();
    let (count, seconds) = (latencies.len(), started.elapsed().as_secs_f64());
    let slow = latencies.iter().filter(|latency| latency.as_millis() >= 100).count();
    let line = format!(
        r#"{{"responses":{count},"seconds":{seconds:.3},"p50":{},"p99":{},"max":{},"over_100_ms":{slow}}}"#,
        at(50),
        at(99),
        at(100)
    );
    io::Write::write_all(&mut io::stdout(), line.as_bytes()).context("stdout")
}

/// One connection: a request, its response, the next request, until the time is over.
async fn request_ranges(load: Load, seed: u64) -> Result<Vec<Duration>> {
    let mut stream = TcpStream::connect(&load.address).await?;
    stream.set_nodelay(true)?;
    let (mut state, mut latencies) = (seed.wrapping_mul(0x9E37_79B9_7F4A_7C15), Vec::new());
    let mut scratch = vec![0; DISCARDED];
    let starts = (load.size - load.length) / load.step + 1;
    while Instant::now() < load.until {
        state = next_random(state);
        let first = state % starts * load.step;
        let last = first + load.length - 1;
        let (target, address) = (&load.target, &load.address);
        let request = format!("GET {target} HTTP/1.1\r\nHost: {address}\r\nRange: bytes={first}-{last}\r\n\r\n");
        let sent = Instant::now();
        stream.write_all(request.as_bytes()).await?;
        let body = read_head(&stream, &mut scratch, &format!("bytes {first}-{last}/")).await?;
        discard(&stream, &mut scratch, load.length - body).await?;
        latencies.push(sent.elapsed());
    }
    Ok(latencies)
}

/// Reads the head of a response to the range `expected`; how many bytes of the body came with it.
async fn read_head(stream: &TcpStream, scratch: &mut [u8], expected: &str) -> Result<u64> {
    let mut read = 0;
    loop {
        read += receive(stream, &mut scratch[read..HEAD], RecvFlags::empty()).await?;
        if let Some(end) = scratch[..read].windows(4).position(|window| window == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&scratch[..end]);
            ensure!(head.starts_with("HTTP/1.1 206 ") && head.contains(expected), "{head}");
            return Ok((read - end - 4) as u64);
        }
        if read == HEAD {
            bail!("a head of more than {HEAD} bytes");
        }
    }
}

async fn discard(stream: &TcpStream, scratch: &mut [u8], mut left: u64) -> Result<()> {
    while left > 0 {
        let most = usize::try_from(left).unwrap_or(DISCARDED).min(DISCARDED);
        left -= receive(stream, &mut scratch[..most], RecvFlags::TRUNC).await? as u64;
    }
    Ok(())
}

async fn receive(stream: &TcpStream, buffer: &mut [u8], flags: RecvFlags) -> Result<usize> {
    let once = || Ok(recv(stream.as_fd(), &mut *buffer, flags | RecvFlags::DONTWAIT).map(|(_, length)| length)?);
    let length = stream.async_io(Interest::READABLE, once).await?;
    if length == 0 { Err(io::Error::from(ErrorKind::UnexpectedEof).into()) } else { Ok(length) }
}

/// xorshift64*.
fn next_random(mut state: u64) -> u64 {
    state ^= state >> 12;
    state ^= state << 25;
    state ^= state >> 27;
    state.wrapping_mul(0x2545_F491_4F6C_DD1D)
}
