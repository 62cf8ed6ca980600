//! Any bytes as the messages of a server: framed, and each body decoded as every kind of answer.

#![no_main]

use griddb_rs::{
    ColumnType, Schema,
    wire::{
        envelope,
        message::{connect, container, failure, login, partition_address, query, row},
        reader::Reader,
        row_set::{Layout, RowSpan, value_at},
    },
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|stream: &[u8]| {
    let mut rest = stream;
    while let Ok(Some(length)) = envelope::message_length(rest, 1 << 16) {
        let Some((message, more)) = rest.split_at_checked(length) else { break };
        rest = more;
        if let Ok(head) = envelope::response_head(message) {
            read_as_everything(message, head.body);
        }
    }
    // Random bytes rarely have valid framing, so they are also decoded without it.
    read_as_everything(stream, 0);
});

fn read_as_everything(message: &[u8], body: usize) {
    let reader = || Reader::starting_at(message, body);
    let _ = connect::decode(&mut reader());
    let _ = login::decode(&mut reader());
    let _ = partition_address::decode_master(&mut reader());
    let _ = partition_address::decode_owner(&mut reader());
    let _ = failure::decode(&mut reader());
    let _ = row::decode_flag(&mut reader());
    let _ = container::decode_get(&mut reader());
    let Ok(container) = container::decode_put(&mut reader()).map(|info| Layout::of(&info.schema)) else {
        return;
    };
    let four = Schema::new()
        .key("k", ColumnType::String)
        .nullable("v", ColumnType::String)
        .nullable("n", ColumnType::Long)
        .nullable("a", ColumnType::Blob);
    for layout in [container, Layout::of(&four)].into_iter().flatten() {
        if let Ok(Some(row)) = row::decode_get(&mut reader(), &layout) {
            read_values(message, &layout, &[row]);
        }
        if let Ok(answer) = query::decode(&mut reader(), &layout, &layout) {
            read_values(message, &layout, &answer.rows);
        }
        if let Ok(page) = query::decode_fetch(&mut reader(), &layout) {
            read_values(message, &layout, &page.rows);
        }
    }
}

fn read_values(message: &[u8], layout: &Layout, rows: &[RowSpan]) {
    for row in rows.iter().take(16) {
        for column in 0..=layout.columns().len() {
            let _ = value_at(message, layout, *row, column);
        }
    }
}
