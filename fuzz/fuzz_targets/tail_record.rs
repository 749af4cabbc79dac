#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| icecore_fuzz::tail_record(bytes));
