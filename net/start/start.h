/* net/start/start.h -- `ringmain start [FILE] [--override key=value]...`: the broker as a process. */
#ifndef RINGMAIN_NET_START_START_H
#define RINGMAIN_NET_START_START_H

/* argv[0] is "start". The process's exit code: 0 clean stop, 1 could not start or not cleanly stopped, 2 bad usage or
 * configuration. */
int start_command(int argc, char **argv);

#endif
