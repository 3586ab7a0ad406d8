# Run by the build, see ManPages.cmake: joins a page's template with the program's options, and renders it.
cmake_minimum_required(VERSION 3.25)

execute_process(COMMAND ${PROGRAM} --print-options OUTPUT_VARIABLE OPTIONS COMMAND_ERROR_IS_FATAL ANY)
foreach(fragment IN LISTS FRAGMENTS)
    cmake_path(GET fragment STEM name)
    string(TOUPPER ${name} name)
    file(READ ${fragment} ${name})
endforeach()
configure_file(${TEMPLATE} ${OUTPUT}.scd @ONLY)
execute_process(COMMAND ${SCDOC} INPUT_FILE ${OUTPUT}.scd OUTPUT_FILE ${OUTPUT}.new COMMAND_ERROR_IS_FATAL ANY)
file(RENAME ${OUTPUT}.new ${OUTPUT})
