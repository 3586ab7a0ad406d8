/* Files of properties (NAME=VALUE) as they are kept for Kafka's clients, in two forms:
 *
 * - one with [section] lines is an ini file, as config_file.h says: values verbatim;
 * - any other is a file of Java's: names and values are those of java.util.Properties.load(), the value
 *   without blanks around it, as Kafka's clients take it. `=`, `:` or a blank ends the name, a backslash at
 *   the end of a line continues it, `\t \n \r \f \uXXXX` are escapes, and any other backslash stands for what
 *   follows it.
 *
 * Where a Java file would not mean the same to everybody, it is refused: bytes beyond ASCII (ISO-8859-1 to
 * Java, UTF-8 to others; \uXXXX says it to all), a backslash before a letter or digit that is not an escape
 * (which Java drops), half a surrogate pair, and NUL. */
#ifndef ROOMSTREAM_OPTIONS_PROPERTIES_FILE_H
#define ROOMSTREAM_OPTIONS_PROPERTIES_FILE_H

#include "config_file.h"

/* As config_file_read. Messages name file, line and property, never a part of a value. */
bool properties_file_read(const char *path, struct config_file *file, struct error *error);

#endif
