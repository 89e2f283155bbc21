/* net/handlers/operations.h -- what a client may do, as the bits of AclOperation (KIP-430).
 *
 * Nobody is refused anything yet: whoever asks gets all operations that there are for the kind of resource, as from
 * Kafka without an authorizer (AclEntry.supportedOperations). Where it is not asked for, the tables' default stays.
 */
#ifndef RINGMAIN_NET_HANDLERS_OPERATIONS_H
#define RINGMAIN_NET_HANDLERS_OPERATIONS_H

enum {
    OPERATION_READ = 1 << 3,
    OPERATION_WRITE = 1 << 4,
    OPERATION_CREATE = 1 << 5,
    OPERATION_DELETE = 1 << 6,
    OPERATION_ALTER = 1 << 7,
    OPERATION_DESCRIBE = 1 << 8,
    OPERATION_CLUSTER_ACTION = 1 << 9,
    OPERATION_DESCRIBE_CONFIGS = 1 << 10,
    OPERATION_ALTER_CONFIGS = 1 << 11,
    OPERATION_IDEMPOTENT_WRITE = 1 << 12,

    OPERATIONS_ON_CONFIGS = OPERATION_DESCRIBE_CONFIGS | OPERATION_ALTER_CONFIGS,
    OPERATIONS_OF_TOPIC = OPERATION_READ | OPERATION_WRITE | OPERATION_CREATE | OPERATION_DELETE | OPERATION_ALTER |
                          OPERATION_DESCRIBE | OPERATIONS_ON_CONFIGS,
    OPERATIONS_OF_GROUP = OPERATION_READ | OPERATION_DELETE | OPERATION_DESCRIBE | OPERATIONS_ON_CONFIGS,
    OPERATIONS_OF_CLUSTER = OPERATION_CREATE | OPERATION_ALTER | OPERATION_DESCRIBE | OPERATION_CLUSTER_ACTION |
                            OPERATION_IDEMPOTENT_WRITE | OPERATIONS_ON_CONFIGS,
};

#endif
