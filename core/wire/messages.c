/* The one place where the tables of core/wire/schema become rows. */
#define WIRE_DEFINE_TABLES
#include "core/wire/messages.h"
