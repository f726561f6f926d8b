/* result_words.h - the words of a tool's result that more than one part has to know: agent/tool_result.c writes them
 * behind what the code printed, and the offline analyst, which reads results as a model does, takes them off. */
#pragma once

#define RESULT_FILE_CREATED "File created: "
#define RESULT_FILE_CHANGED "File changed: "
#define RESULT_WORKSPACE "/mnt/data/"
#define RESULT_MORE "\xe2\x80\xa6 and " /* … and 3 more files. */
#define RESULT_MORE_FILES " more files."
#define RESULT_FIGURE " figure was displayed" /* behind their number */
#define RESULT_FIGURES " figures were displayed"
#define RESULT_NOTE "Note: "
#define RESULT_NOTHING "(no output)"
/* A line where something was left out begins so, and then says it (session/outputs_end.c has such lines, too). */
#define RESULT_LEFT_OUT "[\xe2\x80\xa6 " /* [… */
#define RESULT_LEFT_OUT_HERE " left out here"
#define RESULT_CUT "\xe2\x80\xa6" /* … ends a line that is not whole */
/* Begins the user's turn that a result is for a model without tool calls. */
#define RESULT_TURN "Result of the code:\n"
