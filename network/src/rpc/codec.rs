//! Frames: the length as 4 bytes, big endian, then that many bytes.

use super::protocol::ProtocolSpec;
use futures::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use libp2p::{StreamProtocol, request_response};
use std::io;

/// How much is allocated on a peer's word alone, in bytes. Beyond that the buffer grows as data arrives.
const TRUSTED_LENGTH: usize = 64 << 10;

/// Reads and writes frames of one protocol. Encoding and decoding is left to who asks and who answers, so that the
/// connection's task only moves bytes.
#[derive(Clone, Debug)]
pub(crate) struct FrameCodec {
    request_cap: usize,
    response_cap: usize,
}

impl FrameCodec {
    pub(crate) const fn new(spec: &ProtocolSpec) -> Self {
        Self { request_cap: spec.request_cap, response_cap: spec.response_cap }
    }
}

impl request_response::Codec for FrameCodec {
    type Protocol = StreamProtocol;
    type Request = Vec<u8>;
    type Response = Vec<u8>;

    async fn read_request<T>(&mut self, _: &StreamProtocol, io: &mut T) -> io::Result<Vec<u8>>
    where
        T: AsyncRead + Unpin + Send,
    {
        read_frame(io, self.request_cap).await
    }

    async fn read_response<T>(&mut self, _: &StreamProtocol, io: &mut T) -> io::Result<Vec<u8>>
    where
        T: AsyncRead + Unpin + Send,
    {
        read_frame(io, self.response_cap).await
    }

    async fn write_request<T>(&mut self, _: &StreamProtocol, io: &mut T, frame: Vec<u8>) -> io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        write_frame(io, &frame, self.request_cap).await
    }

    async fn write_response<T>(&mut self, _: &StreamProtocol, io: &mut T, frame: Vec<u8>) -> io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        write_frame(io, &frame, self.response_cap).await
    }
}

pub(crate) async fn read_frame<T: AsyncRead + Unpin + Send>(io: &mut T, cap: usize) -> io::Result<Vec<u8>> {
    let mut length = [0; 4];
    io.read_exact(&mut length).await?;
    let length = u32::from_be_bytes(length);
    let size = usize::try_from(length).unwrap_or(usize::MAX);
    if size > cap {
        return Err(invalid(size, cap));
    }
    let mut frame = Vec::with_capacity(size.min(TRUSTED_LENGTH));
    io.take(u64::from(length)).read_to_end(&mut frame).await?;
    if frame.len() < size { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(frame) }
}

pub(crate) async fn write_frame<T: AsyncWrite + Unpin + Send>(io: &mut T, frame: &[u8], cap: usize) -> io::Result<()> {
    let length = u32::try_from(frame.len()).unwrap_or(u32::MAX);
    if frame.len() > cap {
        return Err(invalid(frame.len(), cap));
    }
    io.write_all(&length.to_be_bytes()).await?;
    io.write_all(frame).await?;
    io.flush().await
}

fn invalid(size: usize, cap: usize) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("a frame of {size} bytes is more than the {cap} allowed"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::{executor::block_on, io::Cursor};

    #[test]
    fn round_trip() {
        let mut bytes = Cursor::new(Vec::new());
        block_on(write_frame(&mut bytes, b"baton", 8)).unwrap();
        assert_eq!(bytes.get_ref().as_slice(), b"\0\0\0\x05baton");
        bytes.set_position(0);
        assert_eq!(block_on(read_frame(&mut bytes, 8)).unwrap(), b"baton");
    }

    #[test]
    fn the_length_is_checked_before_anything_is_read() {
        let mut bytes = Cursor::new([0, 0, 0, 9, 1]);
        let error = block_on(read_frame(&mut bytes, 8)).unwrap_err();
        assert_eq!((error.kind(), bytes.position()), (io::ErrorKind::InvalidData, 4));
        assert!(block_on(write_frame(&mut Cursor::new(Vec::new()), &[0; 9], 8)).is_err());
    }

    #[test]
    fn a_frame_that_ends_early_is_an_error() {
        let error = block_on(read_frame(&mut Cursor::new([0, 0, 0, 3, 1]), 8)).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
    }
}
