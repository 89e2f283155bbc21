/* Goal: docs/protocol.md says what the tables say. Method: it is made again and compared. */
#include "net/handlers/document.h"

#include "tests/support/test.h"

#include <stdio.h>

static void the_protocol_page_in_the_tree_is_that_of_the_tables(void **state)
{
    static char text[1 << 17];
    struct mem *mem = test_mem();
    struct arena arena;
    arena_init(&arena, mem, 1 << 20);
    const char *made = protocol_document(&arena);
    assert_non_null(made);
    FILE *file = fopen("docs/protocol.md", getenv("RINGMAIN_WRITE_DOCS") != NULL ? "w+" : "r");
    assert_non_null(file);
    if (getenv("RINGMAIN_WRITE_DOCS") != NULL) {
        fputs(made, file);
        rewind(file);
    }
    size_t length = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    text[length] = '\0';
    assert_string_equal(text, made); /* stale: make docs */
    arena_fini(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_protocol_page_in_the_tree_is_that_of_the_tables),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
