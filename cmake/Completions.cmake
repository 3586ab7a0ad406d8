# Long options in bash and zsh, as the shells read them from --help by themselves.
set(ROOMSTREAM_BASH_COMPLETION_FOLDER ${CMAKE_INSTALL_DATADIR}/bash-completion/completions CACHE STRING
    "Where bash-completion looks, below the prefix")
set(ROOMSTREAM_ZSH_COMPLETION_FOLDER ${CMAKE_INSTALL_DATADIR}/zsh/site-functions CACHE STRING
    "Where zsh looks, below the prefix (vendor-completions in a package of Debian)")

install(FILES config/completion/zsh DESTINATION ${ROOMSTREAM_ZSH_COMPLETION_FOLDER} RENAME _roomstream)
set(PROGRAMS publish bridge dead-letters subscribe kafka-produce kafka-consume estimate status store downlink dashboard)
foreach(sensor IN LISTS ROOMSTREAM_SENSORS)
    string(REPLACE "_" "-" suffix ${sensor})
    list(APPEND PROGRAMS publish-${suffix} bridge-${suffix})
endforeach()
foreach(program IN LISTS PROGRAMS)
    install(FILES config/completion/bash DESTINATION ${ROOMSTREAM_BASH_COMPLETION_FOLDER} RENAME roomstream-${program})
endforeach()
