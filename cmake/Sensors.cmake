# The programs of one sensor, for each line of the table.
file(STRINGS ${CMAKE_CURRENT_LIST_DIR}/../lib/sensors.def ROOMSTREAM_SENSORS REGEX "^SENSOR")
list(TRANSFORM ROOMSTREAM_SENSORS REPLACE "^SENSOR\\(([a-z0-9_]+),.*" "\\1")
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${CMAKE_CURRENT_LIST_DIR}/../lib/sensors.def)

# add_sensor_programs(KIND SOURCES... LIBRARIES...) builds KIND (any topic) and KIND-SENSOR for each sensor. They are
# one program: KIND-SENSOR is compiled with its sensor's name, which selects the defaults in sensors.def.
function(add_sensor_programs kind)
    cmake_parse_arguments(PROGRAM "" "MAIN" "LIBRARIES" ${ARGN})
    foreach(sensor IN ITEMS "" ${ROOMSTREAM_SENSORS})
        string(REPLACE "_" "-" suffix "${sensor}")
        if(sensor)
            set(name ${kind}-${suffix})
        else()
            set(name ${kind})
        endif()
        add_executable(${name} ${PROGRAM_MAIN})
        target_compile_definitions(${name} PRIVATE PROGRAM_NAME="${name}" PROGRAM_SENSOR="${sensor}")
        target_link_libraries(${name} PRIVATE roomstream_warnings ${PROGRAM_LIBRARIES})
        install(PROGRAMS $<TARGET_FILE:${name}> DESTINATION ${CMAKE_INSTALL_BINDIR} RENAME roomstream-${name})
    endforeach()
endfunction()
