/* net/handlers/topic_ids.h -- random topic ids for the controller, from the machine's source of chance. */
#ifndef RINGMAIN_NET_HANDLERS_TOPIC_IDS_H
#define RINGMAIN_NET_HANDLERS_TOPIC_IDS_H

#include "core/controller/controller.h"
#include "io/reactor/io.h"

struct topic_ids {
    struct controller_ids ids;
    struct io *io;
};

struct controller_ids *topic_ids_init(struct topic_ids *ids, struct io *io);

#endif
