"""Pure core: values in, values out. No I/O, no clock, no Streamlit, no SQLAlchemy."""
