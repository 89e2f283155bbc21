#include "core/machine/machine.h"
#include "core/wire/error.h"

int16_t machine_append_error(int16_t log_error)
{
    switch (log_error) {
    case KAFKA_ERROR_UNKNOWN_TOPIC_OR_PARTITION:
    case KAFKA_ERROR_NOT_ENOUGH_REPLICAS:
    case KAFKA_ERROR_NOT_ENOUGH_REPLICAS_AFTER_APPEND:
    case KAFKA_ERROR_REQUEST_TIMED_OUT:
        return KAFKA_ERROR_COORDINATOR_NOT_AVAILABLE;
    case KAFKA_ERROR_NOT_LEADER_OR_FOLLOWER:
    case KAFKA_ERROR_KAFKA_STORAGE_ERROR:
        return KAFKA_ERROR_NOT_COORDINATOR;
    case KAFKA_ERROR_MESSAGE_TOO_LARGE:
    case KAFKA_ERROR_RECORD_LIST_TOO_LARGE:
        return KAFKA_ERROR_UNKNOWN_SERVER_ERROR;
    default:
        return log_error;
    }
}
