# What node-gyp expects to find beside Node's headers. This package uses none of them (node-api-headers has all it needs), so that
# it builds with any Node and without a download.
{
  'target_defaults': {
    'default_configuration': 'Release',
    'configurations': {
      'Debug': { 'cflags': ['-g', '-O0'] },
      'Release': { 'cflags': ['-O2', '-DNDEBUG', '-D_FORTIFY_SOURCE=2'] },
    },
    'cflags': ['-fPIC', '-pthread', '-fvisibility=hidden'],
    'ldflags': ['-pthread'],
  },
}
