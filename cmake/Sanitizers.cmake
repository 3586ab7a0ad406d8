# -DROOMSTREAM_SANITIZE=address,undefined or =thread builds everything with those sanitizers.
set(ROOMSTREAM_SANITIZE "" CACHE STRING "Sanitizers, as for -fsanitize=")
option(ROOMSTREAM_FUZZ "Build the libFuzzer targets (clang only)" OFF)

if(ROOMSTREAM_SANITIZE)
    add_compile_options(-fsanitize=${ROOMSTREAM_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
    add_link_options(-fsanitize=${ROOMSTREAM_SANITIZE})
endif()
