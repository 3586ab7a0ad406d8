def cut(spool, chance):
    raise NotImplementedError
