"""Recurrent cells, one file each: ``layer(units, name)`` gives a layer over whole sequences."""
