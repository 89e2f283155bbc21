/* Markers byte by byte as Kafka 4.3.1 writes them (EndTransactionMarker, MemoryRecords.withEndTransactionMarker), and
 * every piece of one, cut or changed, is refused. */
#include "core/wire/marker.h"
#include "tests/support/test.h"

static void a_marker_is_kafkas_bytes_and_is_read_back(void **state)
{
    static const uint8_t record[] = {0x20, 0, 0, 0, 8, 0, 0, 0, 1, 12, 0, 0, 0, 0, 0, 7, 0};
    uint8_t bytes[MARKER_BATCH_BYTES];
    struct marker marker = {.coordinator_epoch = 7, .commit = true}, again;
    struct batch_header header;
    struct slice batch = marker_build(bytes, &marker, 4711, 3, 1700000000000);
    assert_int_equal(batch.length, 78);
    assert_memory_equal(batch.data + BATCH_HEADER_BYTES, record, sizeof record);
    assert_int_equal(batch_read_header(batch.data, batch.length, &header), ERR_OK);
    assert_true(batch_crc_matches(batch.data, &header));
    assert_int_equal(header.attributes, BATCH_TRANSACTIONAL | BATCH_CONTROL);
    assert_int_equal(header.producer_id, 4711);
    assert_int_equal(header.producer_epoch, 3);
    assert_int_equal(header.base_sequence, -1);
    assert_int_equal(header.max_timestamp, 1700000000000);
    assert_int_equal(marker_read(batch, &header, &again), ERR_OK);
    assert_true(again.commit);
    assert_int_equal(again.coordinator_epoch, 7);
    marker.commit = false;
    batch = marker_build(bytes, &marker, 4711, 3, 1700000000000);
    assert_int_equal(marker_read(batch, &header, &again), ERR_OK);
    assert_false(again.commit);
}

static void what_is_cut_or_of_another_kind_is_no_marker(void **state)
{
    uint8_t bytes[MARKER_BATCH_BYTES];
    struct marker marker = {.coordinator_epoch = 7, .commit = true}, again;
    struct batch_header header;
    struct slice batch = marker_build(bytes, &marker, 1, 0, 1);
    assert_int_equal(batch_read_header(batch.data, batch.length, &header), ERR_OK);
    for (size_t length = 0; length < batch.length; length++)
        assert_int_equal(marker_read(slice_of(batch.data, length), &header, &again), ERR_CORRUPT);
    struct batch_header other = header;
    other.record_count = 0; /* cleaned away */
    assert_int_equal(marker_read(batch, &other, &again), ERR_NOT_FOUND);
    other = header;
    other.attributes |= 1;
    assert_int_equal(marker_read(batch, &other, &again), ERR_CORRUPT);
    bytes[BATCH_HEADER_BYTES + 8] = 2; /* a leader change */
    assert_int_equal(marker_read(batch, &header, &again), ERR_NOT_FOUND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_marker_is_kafkas_bytes_and_is_read_back),
        cmocka_unit_test(what_is_cut_or_of_another_kind_is_no_marker),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
