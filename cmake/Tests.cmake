# roomstream_check_registered(PATTERN PROPERTY): every file of the current folder that matches PATTERN must be in the directory's
# PROPERTY, to which the function that registers a test appends. One that is not stops the configuration: a test that nobody runs is none.
function(roomstream_check_registered PATTERN PROPERTY)
    file(GLOB PRESENT RELATIVE ${CMAKE_CURRENT_SOURCE_DIR} CONFIGURE_DEPENDS ${PATTERN})
    get_property(REGISTERED DIRECTORY PROPERTY ${PROPERTY})
    list(REMOVE_ITEM PRESENT ${REGISTERED})
    if(PRESENT)
        message(FATAL_ERROR "not registered in ${CMAKE_CURRENT_LIST_FILE}: ${PRESENT}")
    endif()
endfunction()
