# What completes the options of all programs in bash and zsh, printed by the programs themselves from their option tables. A
# program without one fails tests/install/test_installed.py.
set(ROOMSTREAM_BASH_COMPLETION_FOLDER ${CMAKE_INSTALL_DATADIR}/bash-completion/completions CACHE STRING
    "Where bash-completion looks, below the prefix")
set(ROOMSTREAM_ZSH_COMPLETION_FOLDER ${CMAKE_INSTALL_DATADIR}/zsh/site-functions CACHE STRING
    "Where zsh looks, below the prefix (vendor-completions in a package of Debian)")

set(COMPLETION_FOLDER ${CMAKE_BINARY_DIR}/completions)
file(MAKE_DIRECTORY ${COMPLETION_FOLDER})
add_custom_target(completions ALL)

function(add_completions program)
    set(bash ${COMPLETION_FOLDER}/roomstream-${program})
    set(zsh ${COMPLETION_FOLDER}/_roomstream-${program})
    add_custom_command(
        OUTPUT ${bash} ${zsh}
        COMMAND ${program} --print-completion bash > ${bash}
        COMMAND ${program} --print-completion zsh > ${zsh}
        DEPENDS ${program}
        VERBATIM)
    add_custom_target(completions-${program} DEPENDS ${bash} ${zsh})
    add_dependencies(completions completions-${program})
    install(FILES ${bash} DESTINATION ${ROOMSTREAM_BASH_COMPLETION_FOLDER})
    install(FILES ${zsh} DESTINATION ${ROOMSTREAM_ZSH_COMPLETION_FOLDER})
endfunction()

foreach(program IN ITEMS publish bridge subscribe kafka-produce kafka-consume status)
    add_completions(${program})
endforeach()
foreach(sensor IN LISTS ROOMSTREAM_SENSORS)
    string(REPLACE "_" "-" suffix ${sensor})
    add_completions(publish-${suffix})
    add_completions(bridge-${suffix})
endforeach()
