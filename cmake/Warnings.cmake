# Every target of ours links roomstream_warnings: one place for what the compilers must accept in silence.
option(ROOMSTREAM_WERROR "Treat warnings as errors" OFF)

add_library(roomstream_warnings INTERFACE)
target_compile_options(roomstream_warnings INTERFACE
    -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wstrict-prototypes -Wmissing-prototypes
    -Wold-style-definition -Wundef -Wcast-align -Wpointer-arith -Wwrite-strings -Wformat=2 -Wvla
    -Wswitch-enum -Wnull-dereference -Wdouble-promotion
    $<$<BOOL:${ROOMSTREAM_WERROR}>:-Werror>)
target_compile_definitions(roomstream_warnings INTERFACE _GNU_SOURCE ROOMSTREAM_VERSION="${PROJECT_VERSION}")
