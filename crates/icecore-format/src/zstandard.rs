//! zstd with contexts that are kept: making one costs as much as compressing some kilobytes.

use std::io::Cursor;
use zstd::bulk;

/// Compresses.
#[derive(Default)]
pub(crate) struct Compressor {
    /// A context and its level.
    context: Option<(bulk::Compressor<'static>, i32)>,
}

impl std::fmt::Debug for Compressor {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Compressor(..)")
    }
}

impl Compressor {
    /// Appends `source` as a frame to `bytes`; false, with nothing appended, if that is not
    /// shorter than `source`.
    pub(crate) fn append(&mut self, level: i32, source: &[u8], bytes: &mut Vec<u8>) -> bool {
        let start = bytes.len();
        // With all the room that it could take, zstd need not look whether it has enough.
        bytes.reserve(zstd::zstd_safe::compress_bound(source.len()));
        let Some(mut context) = self.context(level) else { return false };
        let mut room = Cursor::new(&mut *bytes);
        room.set_position(start as u64);
        let outcome = context.compress_to_buffer(source, &mut room);
        if outcome.is_ok() {
            self.context = Some((context, level));
        }
        let is_shorter = outcome.is_ok_and(|length| length < source.len());
        if !is_shorter {
            bytes.truncate(start);
        }
        is_shorter
    }

    fn context(&mut self, level: i32) -> Option<bulk::Compressor<'static>> {
        match self.context.take() {
            Some((context, known)) if known == level => Some(context),
            Some((mut context, _)) => context.set_compression_level(level).ok().map(|()| context),
            None => bulk::Compressor::new(level).ok(),
        }
    }
}

/// Decompresses.
#[derive(Default)]
pub(crate) struct Decompressor(bulk::Decompressor<'static>);

impl std::fmt::Debug for Decompressor {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Decompressor(..)")
    }
}

impl Decompressor {
    /// What the frames in `source` hold, if it is exactly `length` bytes long; `slack` is how much
    /// more room it gets.
    pub(crate) fn decompress(
        &mut self,
        source: &[u8],
        length: usize,
        slack: usize,
    ) -> Option<Vec<u8>> {
        let mut bytes = Vec::with_capacity(length + slack);
        let found = self.0.decompress_to_buffer(source, &mut bytes).ok()?;
        (found == length).then_some(bytes)
    }
}
