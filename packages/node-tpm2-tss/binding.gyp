{
  'targets': [
    {
      'target_name': 'tpm2_tss',
      'sources': [
        'src/addon.cc',
        'src/connection.cc',
        'src/info.cc',
        'src/job.cc',
        'src/pcr.cc',
        'src/sealing.cc',
        'src/storage_key.cc',
        'src/turn.cc',
      ],
      'include_dirs': [
        '<!@(node -p "require(\'node-addon-api\').include")',
        '<!@(node -p "require(\'node-api-headers\').include_dir")',
      ],
      # The last: a result that arrives while its environment ends can be told nobody, and must not end the process by itself.
      'defines': ['NAPI_VERSION=8', 'NAPI_CPP_EXCEPTIONS', 'NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS'],
      'cflags_cc': ['-std=c++17', '-fexceptions', '-Wall', '-Wextra', '-fstack-protector-strong'],
      'cflags_cc!': ['-fno-exceptions'],
      'libraries': ['-ltss2-esys', '-ltss2-tctildr', '-ltss2-mu', '-ltss2-rc'],
      # Lazy binding would find a missing function only when it is called.
      'ldflags': ['-Wl,-z,now', '-Wl,-z,relro'],
    },
  ],
}
