# PYTEST: the command line of pytest, in the first Python that has what the tests import: Debian's own is tried second, for those who
# have another one in front of it, which does not see Debian's modules.
foreach(PYTHON python3 /usr/bin/python3)
    execute_process(COMMAND ${PYTHON} -c "import pytest, confluent_kafka, paho.mqtt.client, sklearn, xxhash, yaml, sys; print(sys.executable)"
        OUTPUT_VARIABLE PYTHON_FOUND OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
    if(PYTHON_FOUND)
        set(PYTEST ${PYTHON_FOUND} -m pytest -q -p no:cacheprovider)
        break()
    endif()
endforeach()

# roomstream_add_pytest(NAME FILE LABEL TESTS): registers FILE as the test NAME. What it marks as long (@pytest.mark.long) is left to another
# one, NAME_long, with the label long too. Sets TESTS to their names.
function(roomstream_add_pytest NAME FILE LABEL TESTS)
    set(NAMES ${NAME})
    add_test(NAME ${NAME} COMMAND ${PYTEST} -m "not long" ${CMAKE_CURRENT_SOURCE_DIR}/${FILE})
    set_tests_properties(${NAME} PROPERTIES LABELS ${LABEL})
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${FILE})
    file(STRINGS ${FILE} LONG_ONES REGEX "mark\\.long")
    if(LONG_ONES)
        add_test(NAME ${NAME}_long COMMAND ${PYTEST} -m long ${CMAKE_CURRENT_SOURCE_DIR}/${FILE})
        set_tests_properties(${NAME}_long PROPERTIES LABELS "${LABEL};long")
        list(APPEND NAMES ${NAME}_long)
    endif()
    set(${TESTS} ${NAMES} PARENT_SCOPE)
endfunction()

# roomstream_check_registered(PATTERN PROPERTY): every file in the current folder and below that matches PATTERN must be in the directory's
# PROPERTY, to which the function that registers a test appends. One that is not stops the configuration: a test that nobody runs is none.
function(roomstream_check_registered PATTERN PROPERTY)
    file(GLOB_RECURSE PRESENT RELATIVE ${CMAKE_CURRENT_SOURCE_DIR} CONFIGURE_DEPENDS ${PATTERN})
    get_property(REGISTERED DIRECTORY PROPERTY ${PROPERTY})
    list(REMOVE_ITEM PRESENT ${REGISTERED})
    if(PRESENT)
        message(FATAL_ERROR "not registered in ${CMAKE_CURRENT_LIST_FILE}: ${PRESENT}")
    endif()
endfunction()
