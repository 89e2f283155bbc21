/* One machine and the world: its clock before every input, what it wants and its timer after. */
#include "core/coordinator/internal.h"

static const int64_t NEVER_NS = INT64_MAX / 2;

static const struct coordinator_kind *kind_of(const struct coordinator_machine *machine)
{
    return machine->coordinator->options.kind;
}

static void set_clock(struct coordinator_machine *machine)
{
    struct io *io = machine->coordinator->io;
    kind_of(machine)->clock(machine, io_now_ns(io) / 1000000, io_wall_ms(io));
}

/* Without memory when it was loaded there is no timer yet: the next input tries again. */
static void set_timer(struct coordinator_machine *machine)
{
    struct io *io = machine->coordinator->io;
    int64_t deadline_ms = kind_of(machine)->next_deadline(machine);
    int64_t at_ns = deadline_ms > NEVER_NS / 1000000 ? NEVER_NS : deadline_ms * 1000000;
    if (machine->broken)
        at_ns = io_now_ns(io); /* not here: an append may be on its way up the stack */
    enum err err = io_timer_start(io, &machine->_timer, at_ns);
    MAYBE(err == ERR_OK);
}

void coordinator_leave(struct coordinator_machine *machine)
{
    kind_of(machine)->drain(machine);
    if (machine->_active)
        set_timer(machine);
}

static void on_timer(struct io_timer *timer)
{
    struct coordinator_machine *machine = CONTAINER_OF(timer, struct coordinator_machine, _timer);
    if (machine->broken) {
        coordinator_reload(machine->_partition);
        return;
    }
    set_clock(machine);
    kind_of(machine)->tick(machine);
    coordinator_leave(machine);
}

/* ---- the runtime's own inputs ------------------------------------------------------------------------------------ */

void coordinator_machine_loaded(struct coordinator_machine *machine)
{
    machine->_timer.fire = on_timer;
    machine->_active = true;
    set_clock(machine);
    kind_of(machine)->loaded(machine);
    coordinator_leave(machine);
}

void coordinator_machine_appended(struct coordinator_machine *machine, struct machine_append *append)
{
    set_clock(machine);
    kind_of(machine)->appended(machine, append);
    coordinator_leave(machine);
}

static void stop(struct coordinator_machine *machine)
{
    machine->_active = false;
    io_timer_stop(machine->coordinator->io, &machine->_timer);
}

void coordinator_machine_resign(struct coordinator_machine *machine)
{
    stop(machine);
    set_clock(machine);
    kind_of(machine)->resign(machine);
    coordinator_leave(machine);
}

void coordinator_machine_close(struct coordinator_machine *machine)
{
    stop(machine);
    kind_of(machine)->close(machine);
}

/* ---- requests ---------------------------------------------------------------------------------------------------- */

int16_t coordinator_enter_at(struct coordinator *coordinator, int32_t index, struct coordinator_machine **machine)
{
    *machine = NULL;
    if (coordinator->stopping)
        return KAFKA_ERROR_COORDINATOR_NOT_AVAILABLE;
    if (index < 0 || index >= coordinator->partition_count)
        return KAFKA_ERROR_NOT_COORDINATOR;
    struct coordinator_partition *partition = coordinator->partitions[index];
    if (partition->phase == PHASE_LOADING)
        return KAFKA_ERROR_COORDINATOR_LOAD_IN_PROGRESS;
    if (partition->phase != PHASE_ACTIVE)
        return KAFKA_ERROR_NOT_COORDINATOR;
    if (partition->machine->broken) {
        set_timer(partition->machine);
        return KAFKA_ERROR_COORDINATOR_LOAD_IN_PROGRESS; /* as good as */
    }
    *machine = partition->machine;
    set_clock(*machine);
    return KAFKA_ERROR_NONE;
}

int16_t coordinator_enter(struct coordinator *coordinator, struct slice key, struct coordinator_machine **machine)
{
    int32_t count = coordinator->partition_count;
    return coordinator_enter_at(coordinator, count == 0 ? -1 : coordinator_partition_in(count, key), machine);
}
