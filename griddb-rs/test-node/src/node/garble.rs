//! Deliberately wrong answers.

use super::fault::Fault;
use crate::wire::frame::{self, Answer, ENVELOPE, Head};

/// Applies a fault to the bytes of an answer.
pub(crate) fn garble(fault: Fault, head: Head, mut answer: Vec<u8>) -> Vec<u8> {
    let id_at = ENVELOPE + 4;
    let id_size = if head.statement == frame::CONNECT { 4 } else { 8 };
    let body_at = id_at + id_size + 1;
    match fault {
        Fault::Truncate(length) | Fault::Cut(length) => answer.truncate(length),
        Fault::ShortBody(length) => {
            answer.truncate(body_at.saturating_add(length));
            claim_length(&mut answer, 0);
        }
        Fault::Nonsense(status, body) => {
            answer.truncate(body_at);
            answer[body_at - 1] = status;
            answer.extend(body);
            claim_length(&mut answer, 0);
        }
        Fault::Garbage(bytes) => answer = bytes,
        Fault::WrongId(id) => answer[id_at..id_at + id_size].copy_from_slice(&id.to_le_bytes()[..id_size]),
        Fault::WrongLength(length) => answer[16..ENVELOPE].copy_from_slice(&length.to_le_bytes()),
        Fault::LongerBy(more) => claim_length(&mut answer, more),
        Fault::FailAfter(code) => {
            answer.clear();
            let failed = Answer::begin(&mut answer, head);
            failed.refuse(&mut answer, &code.because("on order"));
            failed.finish(&mut answer);
        }
        // these leave the bytes as they are
        Fault::DropBefore
        | Fault::DropAfter
        | Fault::KillBefore
        | Fault::KillAfter
        | Fault::Delay(_)
        | Fault::Ignore
        | Fault::Mute
        | Fault::Refuse(_) => {}
    }
    answer
}

/// Writes the length of a message plus this many bytes into its envelope.
fn claim_length(message: &mut [u8], more: u32) {
    let length = u32::try_from(message.len() - ENVELOPE).unwrap_or(u32::MAX);
    message[16..ENVELOPE].copy_from_slice(&length.saturating_add(more).to_le_bytes());
}
