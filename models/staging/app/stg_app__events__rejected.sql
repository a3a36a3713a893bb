{{ rejected_rows(ref('base_app__events')) }}
