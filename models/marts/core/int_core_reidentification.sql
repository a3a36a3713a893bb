{{ reidentification('core') }}
