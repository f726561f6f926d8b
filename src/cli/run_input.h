/* run_input.h - what `cloche run` reads: program, files, folder, standard input. All are opened
 * before anything runs, as the user, and only descriptors go on. */
#pragma once
#include "cli/run.h"

/* Opens a --file and gives it its name in the sandbox. 0, or an exit code after the message. */
int run_input_file(struct run_options *o, const char *path);
/* Opens the program, --out or --dir (with what is in it) and standard input. As above. */
int run_input_open(struct run_options *o);
void run_input_close(struct run_options *o);
